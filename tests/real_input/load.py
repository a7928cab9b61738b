"""Put the public sample employee database into PeopleSoft-shaped tables, as an independent input for HR systems.

    python -m tests.real_input.load FOLDER DSN [--schema hr]

FOLDER holds employee.csv, department.csv, dept_emp.csv, title.csv and dept_manager.csv. They are copied as they are
into the schema `sample`; plain SQL makes of them what PeopleSoft would hold, in the schema given, in the tables and
views of serai_ehr_postgres/sql/views.sql.

The rule. A period lasts from its first to its last day, both included; a last day of 9999-01-01 means "still so". Each
first day of a department or title period is a change on file (EFFDT = that day). Where both begin on one day other than
the day of hire, the transfer comes first and the promotion gets EFFSEQ 1. The last day of the last period, where it is
not 9999, is the last day at work: the termination is in force from the next day on.

The data bears the rule out: nobody has two departments or two titles at once and nobody has a gap (each period begins
on the day on which the one before ended, so that on the common day the new one counts), and everybody's departments and
titles begin and end on the same days. So one employment record (EMPL_RCD 0) a person is enough; `refuse_surprises`
stops the load of other data. Two people have a period that ends on the day it began: it lasts for that one day.

HIRE_DT is the first day of the first period; the hire_date of half of the people is earlier and is not used.
dept_manager says who leads a department, also while the same source says that the person works in another one, has not
joined yet or has left. So JOB.SUPERVISOR_ID stays blank; DEPT_TBL.MANAGER_ID follows the periods, and the relation
LEADER holds the last ones.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
from datetime import date
from importlib.resources import files
from pathlib import Path

import asyncpg

SOURCES = {
    "employee": "emp_no text, birth_date date, first_name text, last_name text, gender text, hire_date date",
    "department": "dept_no text, dept_name text",
    "dept_emp": "emp_no text, dept_no text, from_date date, to_date date",
    "title": "emp_no text, title text, from_date date, to_date date",
    "dept_manager": "emp_no text, dept_no text, from_date date, to_date date",
}
SQL = Path(__file__).parent / "peoplesoft.sql"


async def load(folder: Path, dsn: str, *, schema: str = "hr") -> None:
    """Load the folder's files into a database without these schemas: `sample` as they are, `schema` as PeopleSoft."""
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            await load_source(connection, folder)
            await connection.execute(f'create schema "{schema}"')
            await connection.execute(f'set local search_path to "{schema}"')
            await connection.execute((files("serai_ehr_postgres") / "sql" / "views.sql").read_text("utf-8"))
            await refuse_surprises(connection)
            await connection.execute(SQL.read_text("utf-8"))
    finally:
        await connection.close()


async def load_source(connection: asyncpg.Connection, folder: Path) -> None:
    """Copy the files as they are into the schema `sample`."""
    await connection.execute("create schema sample")
    for table, columns in SOURCES.items():
        await connection.execute(f"create table sample.{table} ({columns})")
        dates = [definition.endswith(" date") for definition in columns.split(", ")]
        with (folder / f"{table}.csv").open(encoding="utf-8", newline="") as file:
            lines = csv.reader(file)
            next(lines)
            rows = [
                tuple(date.fromisoformat(text) if is_date else text for text, is_date in zip(line, dates, strict=True))
                for line in lines
            ]
        await connection.copy_records_to_table(table, schema_name="sample", records=rows)
    for table in ("dept_emp", "title"):
        await connection.execute(f"create index on sample.{table} (emp_no, from_date); analyze sample.{table}")


async def refuse_surprises(connection: asyncpg.Connection) -> None:
    """Raise ValueError where the data is not as the rule takes it to be."""
    for table, what in (("dept_emp", "dept_no"), ("title", "title")):
        strange = await connection.fetchval(
            f"""select string_agg(distinct emp_no, ', ') from (
                select emp_no, from_date, to_date,
                       lead(from_date) over (partition by emp_no order by from_date, to_date, {what}) as next_from
                from sample.{table}
            ) periods where to_date < from_date or next_from <> to_date or next_from = from_date"""
        )
        if strange:
            raise ValueError(f"{table}.csv: periods that overlap or leave a gap, of {strange}")
    apart = await connection.fetchval(
        """select string_agg(emp_no, ', ') from
        (select emp_no, min(from_date) as first, max(to_date) as last from sample.dept_emp group by 1) departments
        full join (select emp_no, min(from_date) as first, max(to_date) as last from sample.title group by 1) titles
        using (emp_no, first, last) where departments is null or titles is null"""
    )
    if apart:
        raise ValueError(f"departments and titles begin or end on different days, of {apart}")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Load the sample employee database as PeopleSoft would hold it.")
    parser.add_argument("folder", type=Path, help="where the CSV files are")
    parser.add_argument("dsn", help="the PostgreSQL database to load them into")
    parser.add_argument("--schema", default="hr", help="the schema of tables and views, to be created")
    arguments = parser.parse_args()
    asyncio.run(load(arguments.folder, arguments.dsn, schema=arguments.schema))


if __name__ == "__main__":
    main()
