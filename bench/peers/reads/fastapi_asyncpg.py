"""FastAPI on uvicorn with asyncpg: typed parameters and response models, as its tutorial shows: `... PORT`."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import asyncpg
import uvicorn
from fastapi import FastAPI, HTTPException, Query
from pydantic import BaseModel
from shared import BY_DEPARTMENT, BY_PREFIX, ONE, employee, page, pattern


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


app = FastAPI(lifespan=lifespan)


@app.get("/isapi/api/v1/employees/{emplid}")
async def get_employee(emplid: str) -> Employee:
    async with app.state.pool.acquire() as connection:
        row = await connection.fetchrow(ONE, emplid)
    if row is None:
        raise HTTPException(404)
    return employee(row)


@app.get("/isapi/api/v1/employees")
async def list_employees(
    limit: Annotated[int, Query(ge=1, le=1000)] = 50, dept: str | None = None, q: str | None = None
) -> Page:
    async with app.state.pool.acquire() as connection:
        if q is not None:
            rows = await connection.fetch(BY_PREFIX, pattern(q), limit + 1)
        else:
            rows = await connection.fetch(BY_DEPARTMENT, dept, limit + 1)
    return page([employee(row) for row in rows], limit)


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[-1]), log_level="warning", access_log=False)
