"""What one would write without Serai: aiohttp on uvloop, an asyncpg pool as its documentation has it, msgspec.

`python bench/peers/bare.py [no-reset] PORT` with the database in BENCH_DSN. It answers the same bytes as isapi's
by-id and list do, and nothing else: no key, no request id, no log, no metrics, no ETag, no validation.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator

import asyncpg
import msgspec
import uvloop
from aiohttp import web

EMPLOYEE = """
    select emplid, name, name_en, pinyin, rtx_id, ad_account, mail, work_phone, deptid, department_name,
           department_path_name, title, location, location_name, company, business_unit, manager_emplid,
           employment_type, status
    from isapi.employee
"""
ONE = f"{EMPLOYEE} where emplid = $1"
LIST = f"{EMPLOYEE} where deptid = $1 and status = 'active' order by emplid limit $2"
JSON = {"Content-Type": "application/json"}
POOL: web.AppKey[asyncpg.Pool] = web.AppKey("POOL", asyncpg.Pool)

encode = msgspec.json.Encoder().encode


async def get_employee(request: web.Request) -> web.Response:
    async with request.app[POOL].acquire() as connection:
        row = await connection.fetchrow(ONE, request.match_info["emplid"])
    if row is None:
        raise web.HTTPNotFound
    return web.Response(body=encode(employee(row)), headers=JSON)


async def list_employees(request: web.Request) -> web.Response:
    limit = int(request.query["limit"])
    async with request.app[POOL].acquire() as connection:
        rows = await connection.fetch(LIST, request.query["dept"], limit + 1)
    cursor = rows[limit - 1]["emplid"] if len(rows) > limit else None
    page = {"items": [employee(row) for row in rows[:limit]], "next_cursor": cursor}
    return web.Response(body=encode(page), headers=JSON)


def employee(row: asyncpg.Record) -> dict[str, object]:
    return {
        "emplid": row["emplid"],
        "name": row["name"],
        "name_en": row["name_en"],
        "pinyin": row["pinyin"],
        "rtx_id": row["rtx_id"],
        "ad_account": row["ad_account"],
        "mail": row["mail"],
        "work_phone": row["work_phone"],
        "department": row["deptid"]
        and {"deptid": row["deptid"], "name": row["department_name"], "path": row["department_path_name"]},
        "title": row["title"],
        "location": row["location"] and {"code": row["location"], "name": row["location_name"]},
        "company": row["company"],
        "business_unit": row["business_unit"],
        "manager_emplid": row["manager_emplid"],
        "employment_type": row["employment_type"],
        "status": row["status"],
    }


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
