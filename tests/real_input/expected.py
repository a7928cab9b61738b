"""What the sample data says, by plain SQL over the source tables as they came: an oracle for what is made of them.

A day counts for the department or title whose period began last up to that day; who has left is counted up to and with
the last period's `to_date`. The functions take a connection to a database that `load.load_source` filled.
"""

from __future__ import annotations

from datetime import date

import asyncpg

DAYS = (date(1990, 1, 1), date(1997, 6, 30), date(2002, 8, 1))
"""Days to compare on: early, in the middle, and after all that the data tells."""


async def heads_per_department(connection: asyncpg.Connection, day: date) -> dict[str, int]:
    """Department number -> how many people were in it on a day; departments without anybody are left out."""
    rows = await connection.fetch(
        """select dept_no, count(*) as heads from (
            select distinct on (emp_no) emp_no, dept_no, to_date from sample.dept_emp
            where from_date <= $1 order by emp_no, from_date desc
        ) latest where to_date >= $1 group by dept_no""",
        day,
    )
    return {row["dept_no"]: row["heads"] for row in rows}


async def titles(connection: asyncpg.Connection, day: date) -> dict[str, str]:
    """Employee number -> title, of everybody who was there on a day."""
    rows = await connection.fetch(
        """select emp_no, title from (
            select distinct on (emp_no) emp_no, title, to_date from sample.title
            where from_date <= $1 order by emp_no, from_date desc
        ) latest where to_date >= $1""",
        day,
    )
    return {row["emp_no"]: row["title"] for row in rows}


async def managers(connection: asyncpg.Connection) -> dict[str, str]:
    """Department number -> employee number of who leads it now."""
    rows = await connection.fetch("select dept_no, emp_no from sample.dept_manager where to_date = date '9999-01-01'")
    return {row["dept_no"]: row["emp_no"] for row in rows}


async def leavers(connection: asyncpg.Connection) -> dict[str, date]:
    """Employee number -> last day at work, of everybody who has left."""
    rows = await connection.fetch(
        """select emp_no, max(to_date) as last_day from sample.dept_emp
        group by emp_no having max(to_date) < date '9999-01-01'"""
    )
    return {row["emp_no"]: row["last_day"] for row in rows}
