"""The same snapshot behind Starlette, on uvicorn (uvloop, httptools).

`python bench/peers/starlette_ready.py PORT` with the database in BENCH_DSN, which is read once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ready import Ready


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    app.state.ready = await Ready.read(os.environ["BENCH_DSN"])
    yield


async def get_employee(request: Request) -> Response:
    body = request.app.state.ready.people.get(request.path_params["emplid"])
    if body is None:
        raise HTTPException(404)
    return Response(body, media_type="application/json")


async def list_employees(request: Request) -> Response:
    query, ready = request.query_params, request.app.state.ready
    limit = int(query["limit"])
    body = ready.by_name(query["q"], limit) if "q" in query else ready.in_department(query["dept"], limit)
    return Response(body, media_type="application/json")


app = Starlette(
    lifespan=lifespan,
    routes=[
        Route("/isapi/api/v1/employees", list_employees),
        Route("/isapi/api/v1/employees/{emplid}", get_employee),
    ],
)

if __name__ == "__main__":
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(sys.argv[-1]),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
    )
