"""aiohttp and asyncpg, uvloop and orjson, each used as its documentation shows: `bare.py PORT`."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator

import asyncpg
import orjson
import uvloop
from aiohttp import web
from shared import BY_DEPARTMENT, BY_PREFIX, ONE, employee, page, pattern

JSON = {"Content-Type": "application/json"}
POOL: web.AppKey[asyncpg.Pool] = web.AppKey("POOL", asyncpg.Pool)


async def get_employee(request: web.Request) -> web.Response:
    async with request.app[POOL].acquire() as connection:
        row = await connection.fetchrow(ONE, request.match_info["emplid"])
    if row is None:
        raise web.HTTPNotFound
    return web.Response(body=orjson.dumps(employee(row)), headers=JSON)


async def list_employees(request: web.Request) -> web.Response:
    limit = int(request.query["limit"])
    async with request.app[POOL].acquire() as connection:
        if "q" in request.query:
            rows = await connection.fetch(BY_PREFIX, pattern(request.query["q"]), limit + 1)
        else:
            rows = await connection.fetch(BY_DEPARTMENT, request.query["dept"], limit + 1)
    return web.Response(body=orjson.dumps(page([employee(row) for row in rows], limit)), headers=JSON)


async def pool(app: web.Application) -> AsyncIterator[None]:
    async with asyncpg.create_pool(os.environ["BENCH_DSN"]) as app[POOL]:
        yield


if __name__ == "__main__":
    application = web.Application()
    application.cleanup_ctx.append(pool)
    application.router.add_get("/isapi/api/v1/employees", list_employees)
    application.router.add_get("/isapi/api/v1/employees/{emplid}", get_employee)
    web.run_app(
        application, host="127.0.0.1", port=int(sys.argv[-1]), access_log=None, print=None,
        loop=uvloop.new_event_loop(),
    )  # fmt: skip
