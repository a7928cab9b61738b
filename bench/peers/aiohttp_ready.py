"""What the cache alone brings: aiohttp on uvloop that answers ready bytes from a dict, and does nothing else.

`python bench/peers/aiohttp_ready.py PORT` with the database in BENCH_DSN, which is read once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator

import uvloop
from aiohttp import web

from ready import Ready

JSON = {"Content-Type": "application/json"}
READY: web.AppKey[Ready] = web.AppKey("READY", Ready)


async def get_employee(request: web.Request) -> web.Response:
    body = request.app[READY].people.get(request.match_info["emplid"])
    if body is None:
        raise web.HTTPNotFound
    return web.Response(body=body, headers=JSON)


async def list_employees(request: web.Request) -> web.Response:
    query, ready = request.query, request.app[READY]
    limit = int(query["limit"])
    body = ready.by_name(query["q"], limit) if "q" in query else ready.in_department(query["dept"], limit)
    return web.Response(body=body, headers=JSON)


async def read(app: web.Application) -> AsyncIterator[None]:
    app[READY] = await Ready.read(os.environ["BENCH_DSN"])
    yield


def make_app() -> web.Application:
    app = web.Application()
    app.cleanup_ctx.append(read)
    app.router.add_get("/isapi/api/v1/employees", list_employees)
    app.router.add_get("/isapi/api/v1/employees/{emplid}", get_employee)
    return app


if __name__ == "__main__":
    web.run_app(
        make_app(), host="127.0.0.1", port=int(sys.argv[-1]), access_log=None, print=None, loop=uvloop.new_event_loop()
    )
