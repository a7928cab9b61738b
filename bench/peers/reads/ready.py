"""aiohttp answering ready bytes from a dict, one for each question that will come: `ready.py PORT`."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import asyncpg
import orjson
import uvloop
from aiohttp import web
from shared import BY_DEPARTMENT, BY_PREFIX, ONE, employee, page, pattern
from yarl import URL

JSON = {"Content-Type": "application/json"}
answers: dict[str, bytes] = {}


async def answer(request: web.Request) -> web.Response:
    body = answers.get(request.path_qs)
    if body is None:
        raise web.HTTPNotFound
    return web.Response(body=body, headers=JSON)


async def fill() -> None:
    """Ask for everything in the file of BENCH_PATHS once."""
    connection = await asyncpg.connect(os.environ["BENCH_DSN"])
    for path in Path(os.environ["BENCH_PATHS"]).read_text().split():
        url = URL(path)
        if not url.query:
            found = employee(await connection.fetchrow(ONE, url.name))
        else:
            limit = int(url.query["limit"])
            if "q" in url.query:
                rows = await connection.fetch(BY_PREFIX, pattern(url.query["q"]), limit + 1)
            else:
                rows = await connection.fetch(BY_DEPARTMENT, url.query["dept"], limit + 1)
            found = page([employee(row) for row in rows], limit)
        answers[path] = bytes(bytearray(orjson.dumps(found)))  # its results hold 8 kB until copied
    await connection.close()


if __name__ == "__main__":
    asyncio.run(fill())
    application = web.Application()
    application.router.add_get("/isapi/api/v1/employees", answer)
    application.router.add_get("/isapi/api/v1/employees/{emplid}", answer)
    web.run_app(
        application, host="127.0.0.1", port=int(sys.argv[-1]), access_log=None, print=None,
        loop=uvloop.new_event_loop(),
    )  # fmt: skip
