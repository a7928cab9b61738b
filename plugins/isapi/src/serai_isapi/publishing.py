"""Making the published tables what they are to be today: for everybody, or for those whom changes concern."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

import asyncpg
import attrs
from sqlalchemy import Table

from serai_isapi import spelling, tables
from serai_isapi.merging import Keys, replace
from serai_isapi.published import DEPARTMENT, assignments, people

EDITION = f"1.{spelling.EDITION}"
"""Change it when the same records would be published otherwise than before: everybody is then published anew."""

FEW = 0.2
"""Up to this part of all people changes are followed one by one; beyond it publishing everybody is faster."""

_AFFECTED = """
create temporary table affected (emplid text primary key) on commit drop;
insert into pg_temp.affected
with below as (
    select distinct d.setid, d.deptid from isapi.department d, pg_temp.changed_department c
    where d.setid = c.setid and d.path @> array[c.deptid]
)
select emplid from (
    select emplid from pg_temp.staged_name
    union select emplid from pg_temp.staged_contact
    union select emplid from pg_temp.staged_account
    union select emplid from pg_temp.staged_job
    union select emplid from isapi.job where supervisor_id in (select emplid from pg_temp.staged_job)
    union select emplid from isapi.job where (setid_dept, deptid) in (select setid, deptid from below)
    union select emplid from isapi.job
          where (setid_jobcode, jobcode) in (select setid, jobcode from pg_temp.staged_jobcode)
    union select emplid from isapi.job
          where (setid_location, location) in (select setid, location from pg_temp.staged_location)
) as concerned where emplid is not null;
analyze pg_temp.affected;
"""
"""Everybody of whom anything published may follow from a staged row or from a department that was published anew.

That is all that `published.people` reads of a person: own rows, the name's spelling, the department and the leaders of
those above it, whether the supervisor works here, what job code and location are called.
"""


@attrs.frozen
class Published:
    """The keys of the published rows that were added, changed or removed."""

    departments: Keys = attrs.field(factory=list)
    employees: Keys = attrs.field(factory=list)

    def __bool__(self) -> bool:
        return bool(self.departments or self.employees)

    def __add__(self, other: Published) -> Published:
        return Published(sorted({*self.departments, *other.departments}), sorted({*self.employees, *other.employees}))


async def publish_everybody(connection: asyncpg.Connection, today: date) -> Published:
    """Make `department` and `employee` what they are to be today, in the caller's transaction."""
    departments = await _departments(connection, today)
    return Published(departments, await _employees(connection, today))


async def told_too(connection: asyncpg.Connection, people: Collection[str]) -> Published:
    """Published people of whom something changed that is not published: only that it changed is to be told."""
    rows = await connection.fetch("select emplid from isapi.employee where emplid = any ($1::text[])", list(people))
    return Published(employees=[(row["emplid"],) for row in rows])


async def publish_staged(connection: asyncpg.Connection, today: date) -> Published:
    """The same after the staged rows were applied, where all was published as of today before."""
    departments = await _departments(connection, today)
    await connection.execute(
        "drop table if exists pg_temp.changed_department, pg_temp.affected;"
        "create temporary table changed_department (setid text, deptid text) on commit drop"
    )
    await connection.copy_records_to_table("changed_department", records=departments)
    await connection.execute(_AFFECTED)
    few: bool = await connection.fetchval(
        "select (select count(*) from pg_temp.affected) <= $1::float8 * (select count(*) from isapi.employee)", FEW
    )
    if not few:
        return Published(departments, await _employees(connection, today))
    concerned = (
        "emplid in (select emplid from pg_temp.affected union"
        " select j.supervisor_id from isapi.job j join pg_temp.affected a on a.emplid = j.emplid)"
    )
    only = "emplid in (select emplid from pg_temp.affected)"
    return Published(departments, await _employees(connection, today, concerned=concerned, only=only))


async def _departments(connection: asyncpg.Connection, today: date) -> Keys:
    responsible = "emplid in (select emplid from isapi.relation where scope = 'D')"
    return await _publish(connection, tables.department, f"{assignments(responsible)},{DEPARTMENT}", today)


async def _employees(
    connection: asyncpg.Connection, today: date, *, concerned: str = "true", only: str = "true"
) -> Keys:
    """Publish the people that are `only`; who is `concerned` with them must be known to do it."""
    present = "department as (select * from isapi.department)"
    derivation = f"{assignments(concerned)},{present},{people(only)}"
    return await _publish(connection, tables.employee, derivation, today, within=only)


async def _publish(
    connection: asyncpg.Connection, table: Table, derivation: str, today: date, *, within: str = "true"
) -> Keys:
    columns = [column.name for column in table.columns]
    key = [column.name for column in table.primary_key.columns]
    derived = f"derived_{table.name}"
    await connection.execute(f"create temporary table {derived} (like {table.fullname})")
    await connection.execute(
        f"with recursive {derivation} insert into pg_temp.{derived} ({', '.join(columns)})"
        f" select {', '.join(columns)} from {table.name}",
        today,
    )
    await connection.execute(f"analyze pg_temp.{derived}")
    changed = await replace(
        connection, source=f"pg_temp.{derived}", target=table.fullname, key=key, columns=columns, within=within
    )
    await connection.execute(f"drop table pg_temp.{derived}")
    return changed
