"""What one would write without Serai: aiohttp on uvloop, an asyncpg pool as its documentation has it, orjson.

`python bench/peers/bare.py [no-reset] PORT` with the database in BENCH_DSN. It answers the same bytes as isapi's
by-id and lists do, and nothing else: no key, no request id, no log, no metrics, no ETag, no validation.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator

import asyncpg
import orjson
import uvloop
from aiohttp import web

from queries import BY_NAME, IN_DEPARTMENT, ONE, beginning, employee, page

JSON = {"Content-Type": "application/json"}
POOL: web.AppKey[asyncpg.Pool] = web.AppKey("POOL", asyncpg.Pool)


async def get_employee(request: web.Request) -> web.Response:
    async with request.app[POOL].acquire() as connection:
        row = await connection.fetchrow(ONE, request.match_info["emplid"])
    if row is None:
        raise web.HTTPNotFound
    return web.Response(body=orjson.dumps(employee(row)), headers=JSON)


async def list_employees(request: web.Request) -> web.Response:
    query = request.query
    limit = int(query["limit"])
    statement, value = (BY_NAME, beginning(query["q"])) if "q" in query else (IN_DEPARTMENT, query["dept"])
    async with request.app[POOL].acquire() as connection:
        rows = await connection.fetch(statement, value, limit + 1)
    return web.Response(body=orjson.dumps(page(rows, limit)), headers=JSON)


class WithoutReset(asyncpg.Connection):
    """Handed back without asking the server to reset the session, as Serai's connections are."""

    def get_reset_query(self) -> str:
        return ""


async def pool(app: web.Application) -> AsyncIterator[None]:
    kind = WithoutReset if "no-reset" in sys.argv else asyncpg.Connection
    async with asyncpg.create_pool(os.environ["BENCH_DSN"], connection_class=kind) as app[POOL]:
        yield


def make_app() -> web.Application:
    app = web.Application()
    app.cleanup_ctx.append(pool)
    app.router.add_get("/isapi/api/v1/employees", list_employees)
    app.router.add_get("/isapi/api/v1/employees/{emplid}", get_employee)
    return app


if __name__ == "__main__":
    web.run_app(
        make_app(), host="127.0.0.1", port=int(sys.argv[-1]), access_log=None, print=None, loop=uvloop.new_event_loop()
    )
