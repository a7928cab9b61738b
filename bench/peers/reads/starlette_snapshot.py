"""Starlette on uvicorn, answering from isapi's own snapshot in memory: `starlette_snapshot.py PORT`."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from serai_isapi.directory import Filter
from serai_isapi.snapshot import ReadyPeople, all_of, find, one_of
from serai_isapi.snapshot.pace import Pace
from serai_isapi.snapshot.person import DIRECTORY
from serai_isapi.snapshot.reading import read_all
from serai_isapi.snapshot.snapshot import EMPTY


async def get_employee(request: Request) -> Response:
    person = request.app.state.snapshot.one(request.path_params["emplid"])
    if person is None:
        raise HTTPException(404)
    return Response(one_of(person, DIRECTORY).body, media_type="application/json")


async def list_employees(request: Request) -> Response:
    query = request.query_params
    limit = int(query["limit"])
    wanted = Filter(q=query.get("q"), dept=query.get("dept"))
    found = find(request.app.state.snapshot, wanted, limit=limit + 1, after=None)
    people = all_of(found[:limit], DIRECTORY)
    assert isinstance(people, ReadyPeople)
    cursor = people[-1].emplid if len(found) > limit else None
    return Response(people.page(cursor).body, media_type="application/json")


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    connection = await asyncpg.connect(os.environ["BENCH_DSN"])
    pace = Pace()
    app.state.snapshot = await EMPTY.changed(await read_all(connection, EMPTY, pace), pace)
    await connection.close()
    yield


app = Starlette(
    routes=[
        Route("/isapi/api/v1/employees", list_employees),
        Route("/isapi/api/v1/employees/{emplid}", get_employee),
    ],
    lifespan=lifespan,
)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[-1]), log_level="warning", access_log=False)
