"""FastAPI on uvicorn (uvloop, httptools) with an asyncpg pool, its answers declared as Pydantic models.

`python bench/peers/fastapi_asyncpg.py PORT` with the database in BENCH_DSN.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import asyncpg
import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Query, Request
from pydantic import BaseModel

from queries import BY_NAME, IN_DEPARTMENT, ONE, beginning, employee, page


class Department(BaseModel):
    deptid: str
    name: str | None
    path: str | None


class Location(BaseModel):
    code: str
    name: str | None


class Employee(BaseModel):
    emplid: str
    name: str | None
    name_en: str | None
    pinyin: str | None
    rtx_id: str | None
    ad_account: str | None
    mail: str | None
    work_phone: str | None
    department: Department | None
    title: str | None
    location: Location | None
    company: str | None
    business_unit: str | None
    manager_emplid: str | None
    employment_type: str
    status: str


class Page(BaseModel):
    items: list[Employee]
    next_cursor: str | None


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with asyncpg.create_pool(os.environ["BENCH_DSN"]) as app.state.pool:
        yield


async def get_pool(request: Request) -> asyncpg.Pool:
    pool: asyncpg.Pool = request.app.state.pool
    return pool


Pool = Annotated[asyncpg.Pool, Depends(get_pool)]
app = FastAPI(lifespan=lifespan)


@app.get("/isapi/api/v1/employees", response_model=Page)
async def list_employees(
    pool: Pool, dept: str | None = None, q: str | None = None, limit: Annotated[int, Query(ge=1, le=1000)] = 50
) -> Any:
    statement, value = (IN_DEPARTMENT, dept) if q is None else (BY_NAME, beginning(q))
    async with pool.acquire() as connection:
        rows = await connection.fetch(statement, value, limit + 1)
    return page(rows, limit)


@app.get("/isapi/api/v1/employees/{emplid}", response_model=Employee)
async def get_employee(pool: Pool, emplid: str) -> Any:
    async with pool.acquire() as connection:
        row = await connection.fetchrow(ONE, emplid)
    if row is None:
        raise HTTPException(status_code=404)
    return employee(row)


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
