"""datasette's JSON API on a SQLite copy of the employees, indexed by department and, by FTS5, by beginnings of names.

`python bench/peers/datasette_copy.py PORT` with the database in BENCH_DSN and a folder for the copy in BENCH_FOLDER.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import asyncpg
import uvicorn
from datasette.app import Datasette

COLUMNS = (
    "emplid, name, name_en, pinyin, rtx_id, ad_account, mail, work_phone, deptid, department_name,"
    " department_path_name, title, location, location_name, company, business_unit, manager_emplid,"
    " employment_type, status, search"
)
TABLES = f"""
create table employee ({COLUMNS.replace("emplid", "emplid text primary key", 1)});
create index employee_deptid on employee (deptid, status, emplid);
create virtual table employee_fts using fts5 (
    search, content="employee", prefix='3 4 5 6', tokenize="unicode61 tokenchars '.@-_+'"
);
"""
"""`search` holds every way to write a person with `|` between them: each is one token."""


async def people(dsn: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetch(f"select {COLUMNS} from isapi.employee order by emplid")
    finally:
        await connection.close()


def copy(rows: list[asyncpg.Record], file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.executescript(TABLES)
        connection.executemany(f"insert into employee values ({', '.join('?' * len(rows[0]))})", map(tuple, rows))
        connection.execute("insert into employee_fts (employee_fts) values ('rebuild')")
        connection.execute("analyze")


if __name__ == "__main__":
    file = Path(os.environ["BENCH_FOLDER"]) / "company.db"
    copy(asyncio.run(people(os.environ["BENCH_DSN"])), file)
    datasette = Datasette([], immutables=[str(file)], settings={"suggest_facets": False})
    uvicorn.run(
        datasette.app(),
        host="127.0.0.1",
        port=int(sys.argv[-1]),
        loop="uvloop",
        http="httptools",
        lifespan="on",
        access_log=False,
        log_level="warning",
    )
