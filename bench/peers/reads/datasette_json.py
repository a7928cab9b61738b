"""datasette's JSON API over an SQLite copy of the same rows: `datasette_json.py PORT` makes it and starts datasette.

Its rows are flat: the columns are the same, the JSON is its own. BENCH_FOLDER takes the copy.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
from pathlib import Path

import asyncpg
from shared import COLUMNS

FILE = Path(os.environ["BENCH_FOLDER"]) / "isapi.db"


async def copy() -> None:
    connection = await asyncpg.connect(os.environ["BENCH_DSN"])
    names = COLUMNS.replace(",", " ").split()
    rows = await connection.fetch(f"select {COLUMNS}, search from isapi.employee order by emplid")
    await connection.close()
    FILE.unlink(missing_ok=True)
    database = sqlite3.connect(FILE)
    database.execute(f"create table employee (emplid text primary key, {', '.join(names[1:])}, key text)")
    database.execute("create table employee_key (key text, emplid text, primary key (key, emplid)) without rowid")
    marks = ", ".join("?" * (len(names) + 1))
    database.executemany(f"insert into employee values ({marks})", [tuple(row) for row in rows])
    keys = {(key, row["emplid"]) for row in rows for key in row["search"].split("|")[1:]}
    database.executemany("insert into employee_key values (?, ?)", keys)
    database.execute("create index employee_deptid on employee (deptid, emplid)")
    database.commit()
    database.close()


if __name__ == "__main__":
    asyncio.run(copy())
    settings = ["--setting", "suggest_facets", "off", "--setting", "max_returned_rows", "1000"]
    arguments = ["serve", str(FILE), "--host", "127.0.0.1", "--port", sys.argv[-1], *settings]
    os.execv(sys.executable, [sys.executable, "-m", "datasette", *arguments])
