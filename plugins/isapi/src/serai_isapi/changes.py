"""What changes in the published people and departments, in the deployment's feed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import asyncpg

from serai import Feed
from serai_isapi.directory import reading_of
from serai_isapi.publishing import Published
from serai_isapi.shapes import Department, Employee
from serai_isapi.topics import DEPARTMENT, EMPLOYEE, DepartmentChange, EmployeeChange

SLICE = 2000
"""Rows that are read and told at a time."""

_DEPARTMENT_COLUMNS = ", ".join(f"d.{field}" for field in Department.__struct_fields__)


async def tell(feed: Feed, connection: asyncpg.Connection, published: Published) -> None:
    """Tell of each of these rows what it is now, or that it is gone; departments come before people."""
    for departments in _slices(sorted(published.departments)):
        await feed.publish_many(DEPARTMENT, await _departments(connection, departments), connection=connection)
    for people in _slices(sorted(published.employees)):
        await feed.publish_many(EMPLOYEE, await _people(connection, people), connection=connection)


async def _departments(
    connection: asyncpg.Connection, keys: Sequence[tuple[str, ...]]
) -> list[tuple[str, DepartmentChange | None]]:
    rows = await connection.fetch(
        f"select {_DEPARTMENT_COLUMNS} from isapi.department d"
        " join unnest($1::text[], $2::text[]) as k(setid, deptid) using (setid, deptid)",
        *zip(*keys, strict=True),
    )
    found = {(row["setid"], row["deptid"]): DepartmentChange(**row) for row in rows}
    return [("/".join(key), found.get((key[0], key[1]))) for key in keys]


async def _people(
    connection: asyncpg.Connection, keys: Sequence[tuple[str, ...]]
) -> list[tuple[str, EmployeeChange | None]]:
    reading = reading_of(Employee.__struct_fields__)
    rows = await connection.fetch(
        f"select {reading.columns} from isapi.employee e where e.emplid = any ($1::text[])",
        [emplid for (emplid,) in keys],
    )
    found = {row["emplid"]: EmployeeChange(**reading.values(row)) for row in rows}
    return [(emplid, found.get(emplid)) for (emplid,) in keys]


def _slices(keys: Sequence[tuple[str, ...]]) -> Iterator[list[tuple[str, ...]]]:
    remaining = iter(keys)
    while part := list(islice(remaining, SLICE)):
        yield part
