"""Finding people: by who they are, by where they work, by whom they follow."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import asyncpg
import attrs

from serai import Database
from serai_isapi.fields import Shown
from serai_isapi.problems import EmployeeNotFound
from serai_isapi.published import PRESENT, Edition
from serai_isapi.rules import IS_WORKING
from serai_isapi.shapes import (
    DepartmentPath,
    DepartmentRef,
    Employee,
    FoundEmployees,
    HistoryEntry,
    LocationRef,
    Responsible,
    Status,
)
from serai_isapi.statement import Statement, starting_with


@attrs.frozen(kw_only=True)
class Filter:
    """Which employees: all that meet every condition given."""

    q: str | None = None
    """Words, each one the beginning of a name (Han, pinyin, initials, western), an account, a mail or an emplid."""
    dept: str | None = None
    recursive: bool = False
    """Also the departments below `dept`."""
    statuses: tuple[Status, ...] = ("active",)
    location: str | None = None
    manager: str | None = None
    """The emplid of their manager."""
    under: str | None = None
    """The emplid of somebody anywhere above them."""


@attrs.frozen
class Directory:
    """The published people. Methods that return people take what is to be `shown` of them."""

    db: Database

    async def search(
        self, wanted: Filter, *, shown: Shown, edition: Edition = PRESENT, limit: int = 50, after: str | None = None
    ) -> list[Employee]:
        """At most `limit` people in the order of their emplids, from beyond `after` on."""
        statement = Statement(edition)
        cte = _narrow(statement, wanted)
        if after is not None:
            statement.where("e.emplid > {}", after)
        select = f"from {edition.employee} e{statement.filter} order by e.emplid limit {int(limit)}"
        return await self._employees(statement, select, shown, cte=cte)

    async def one(self, emplid: str, *, shown: Shown, edition: Edition = PRESENT) -> Employee:
        """That person, whatever their status. Raises `EmployeeNotFound`."""
        statement = Statement(edition)
        statement.where("e.emplid = {}", emplid)
        return _only(await self._employees(statement, f"from {edition.employee} e{statement.filter}", shown))

    async def by_account(self, rtx_id: str, *, shown: Shown, edition: Edition = PRESENT) -> Employee:
        """The bearer of that chat account; of several the one who works here. Raises `EmployeeNotFound`."""
        statement = Statement(edition)
        statement.where("e.rtx_id = {}", rtx_id)
        order = "order by e.status = 'active' desc, e.emplid desc limit 1"
        return _only(await self._employees(statement, f"from {edition.employee} e{statement.filter} {order}", shown))

    async def batch(self, emplids: Sequence[str], *, shown: Shown, edition: Edition = PRESENT) -> FoundEmployees:
        """These people, each one once, in the order given, and the ids that nobody has."""
        statement = Statement(edition)
        statement.where("e.emplid = any ({}::text[])", list(emplids))
        found = await self._employees(statement, f"from {edition.employee} e{statement.filter}", shown)
        people = {person.emplid: person for person in found}
        asked = dict.fromkeys(emplids)
        return FoundEmployees(
            items=[people[emplid] for emplid in asked if emplid in people],
            missing=[emplid for emplid in asked if emplid not in people],
        )

    async def manager_chain(self, emplid: str, *, shown: Shown, edition: Edition = PRESENT) -> list[Employee]:
        """The person's manager, their manager and so on up; it ends before anybody comes twice.

        Raises `EmployeeNotFound`.
        """
        statement = Statement(edition)
        chain = (
            f"chain as (select emplid, manager_emplid, 0 as position, array[emplid] as seen from {edition.employee}"
            f" where emplid = {statement.value(emplid)} union all"
            " select m.emplid, m.manager_emplid, c.position + 1, c.seen || m.emplid"
            f" from chain c join {edition.employee} m on m.emplid = c.manager_emplid where m.emplid <> all (c.seen))"
        )
        select = f"from chain join {edition.employee} e using (emplid) order by chain.position"
        people = await self._employees(statement, select, shown, cte=chain)
        _only(people[:1])
        return people[1:]

    async def hrbp(self, emplid: str, *, shown: Shown, edition: Edition = PRESENT) -> Responsible:
        """Who looks after the person: their own HRBPs, else those of the nearest department up the tree that has some.

        Raises `EmployeeNotFound`.
        """
        statement = Statement(edition)
        candidates = _CANDIDATES.format(
            employee=edition.employee, department=edition.department, emplid=statement.value(emplid)
        )
        query = edition.query(_HRBP, cte=candidates)
        async with self.db.raw() as connection:
            row = await connection.fetchrow(query, *statement.values)
        if row is None:
            raise EmployeeNotFound(f"there is no employee {emplid}")
        found = await self.batch(row["emplids"], shown=shown, edition=edition)
        return Responsible(scope=row["scope"], deptid=row["deptid"], people=found.items)

    async def department_path(self, emplid: str, *, edition: Edition = PRESENT) -> DepartmentPath:
        """The departments from the root down to the person's own. Raises `EmployeeNotFound`."""
        statement = Statement(edition)
        select = (
            f"select e.department_path_name, d.deptid, d.name, d.path_name from {edition.employee} e"
            " left join unnest(e.department_path) with ordinality as p(deptid, position) on true"
            f" left join {edition.department} d on d.setid = e.setid and d.deptid = p.deptid"
            f" where e.emplid = {statement.value(emplid)} order by p.position"
        )
        async with self.db.raw() as connection:
            rows = await connection.fetch(edition.query(select), *statement.values)
        if not rows:
            raise EmployeeNotFound(f"there is no employee {emplid}")
        return DepartmentPath(
            path=rows[0]["department_path_name"],
            departments=[
                DepartmentRef(deptid=row["deptid"], name=row["name"], path=row["path_name"])
                for row in rows
                if row["deptid"] is not None
            ],
        )

    async def history(self, emplid: str, *, edition: Edition = PRESENT) -> list[HistoryEntry]:
        """All rows of the person's work, newest first. Raises `EmployeeNotFound`."""
        async with self.db.raw() as connection:
            rows = await connection.fetch(_HISTORY, emplid)
        if not rows or emplid in edition.hidden:
            raise EmployeeNotFound(f"there is no employee {emplid}")
        return [_history_entry(row, edition) for row in rows]

    async def _employees(self, statement: Statement, select: str, shown: Shown, *, cte: str = "") -> list[Employee]:
        reading = reading_of(shown.fields)
        query = statement.edition.query(f"select {reading.columns} {select}", cte=cte)
        async with self.db.raw() as connection:
            rows = await connection.fetch(query, *statement.values)
        return [Employee(**reading.values(row)) for row in rows]


def search_words(q: str) -> list[str]:
    """The words of a search as keys are written: compatibility forms folded, lower case, `ü` as `v`."""
    return unicodedata.normalize("NFKC", q).lower().replace("ü", "v").replace("|", " ").split()


def _narrow(statement: Statement, wanted: Filter) -> str:
    """Add the conditions of the filter; the CTE that they need, or nothing."""
    if wanted.q is not None:
        words = search_words(wanted.q)
        for pattern in starting_with(words):
            statement.where("e.search like {}", pattern)
        if not words:
            statement.where("false")
    if wanted.dept is not None:
        if wanted.recursive:
            statement.where("e.department_path @> array[{}::text]", wanted.dept)
        else:
            statement.where("e.deptid = {}", wanted.dept)
    statement.where("e.status = any ({}::text[])", list(wanted.statuses))
    if wanted.location is not None:
        statement.where("e.location = {}", wanted.location)
    if wanted.manager is not None:
        statement.where("e.manager_emplid = {}", wanted.manager)
    if wanted.under is None:
        return ""
    employee = statement.edition.employee
    statement.where("e.emplid in (select emplid from below) and e.emplid <> {}", wanted.under)
    return (
        f"below as (select emplid from {employee} where manager_emplid = {statement.value(wanted.under)}"
        f" union select r.emplid from {employee} r join below b on r.manager_emplid = b.emplid)"
    )


@attrs.frozen
class Reading:
    """How fields are read: the `plain` ones are the first columns, the `made` ones are made of those after them."""

    columns: str
    plain: tuple[str, ...]
    made: tuple[str, ...]

    def values(self, row: asyncpg.Record) -> dict[str, Any]:
        """The fields of a row that has the `columns`."""
        values = dict(zip(self.plain, row, strict=False))
        for field in self.made:
            values[field] = _MADE[field](row)
        return values


@lru_cache(maxsize=1024)
def reading_of(fields: tuple[str, ...]) -> Reading:
    """How these fields of `Employee` are read from a relation `e` like `isapi.employee`."""
    plain = tuple(field for field in fields if field not in _MADE)
    made = tuple(field for field in fields if field in _MADE)
    return Reading(
        ", ".join([*(f"e.{field}" for field in plain), *(_COLUMNS_OF[field] for field in made)]), plain, made
    )


def _department_ref(row: Mapping[str, Any]) -> DepartmentRef | None:
    if row["deptid"] is None:
        return None
    return DepartmentRef(deptid=row["deptid"], name=row["department_name"], path=row["department_path_name"])


def _location_ref(row: Mapping[str, Any]) -> LocationRef | None:
    return None if row["location"] is None else LocationRef(code=row["location"], name=row["location_name"])


_MADE = {"department": _department_ref, "location": _location_ref}
_HISTORY_MADE = {*_MADE, "supervisor_emplid"}
_COLUMNS_OF = {
    "department": "e.deptid, e.department_name, e.department_path_name",
    "location": "e.location, e.location_name",
}


def _only(people: Sequence[Employee]) -> Employee:
    if not people:
        raise EmployeeNotFound
    return people[0]


def _history_entry(row: Mapping[str, Any], edition: Edition) -> HistoryEntry:
    supervisor = row["supervisor_emplid"]
    return HistoryEntry(
        **{field: row[field] for field in HistoryEntry.__struct_fields__ if field not in _HISTORY_MADE},
        supervisor_emplid=None if supervisor in edition.hidden else supervisor,
        department=_department_ref(row),
        location=_location_ref(row),
    )


_CANDIDATES = """
person as (select emplid, setid, department_path from {employee} where emplid = {emplid}),
candidate as (
    select 'employee' as scope, null::text as deptid, 0 as distance,
           array_agg(r.emplid order by r.sort_order, r.emplid) as emplids
    from person p join isapi.relation r on r.scope = 'E' and r.scope_id = p.emplid and r.relation = 'HRBP'
    join {employee} e on e.emplid = r.emplid and e.status = 'active'
    having count(*) > 0
    union all
    select 'department', d.deptid,
           cardinality(p.department_path) - array_position(p.department_path, d.deptid) + 1, d.hrbps
    from person p join {department} d on d.setid = p.setid and d.deptid = any (p.department_path)
    where d.hrbps <> '{{}}'
)"""
_HRBP = """
select c.scope, c.deptid, coalesce(c.emplids, '{}') as emplids
from person left join candidate c on true order by c.distance limit 1
"""

_HISTORY = f"""
select j.emplid, j.effdt as effective_date, j.effseq as sequence, j.empl_rcd as assignment,
       coalesce(j.job_indicator = 'P', false) as primary, j.action, j.action_reason,
       {IS_WORKING} as working,
       j.deptid, d.descr as department_name, null::text as department_path_name, t.descr as title,
       j.location, l.descr as location_name, j.company, j.grade, j.supervisor_id as supervisor_emplid
from isapi.job j
left join lateral (
    select descr from isapi.dept where setid = j.setid_dept and deptid = j.deptid
    order by effdt > j.effdt, abs(effdt - j.effdt) limit 1
) d on true
left join lateral (
    select descr from isapi.jobcode where setid = j.setid_jobcode and jobcode = j.jobcode
    order by effdt > j.effdt, abs(effdt - j.effdt) limit 1
) t on true
left join lateral (
    select descr from isapi.location where setid = j.setid_location and location = j.location
    order by effdt > j.effdt, abs(effdt - j.effdt) limit 1
) l on true
where j.emplid = $1 order by j.effdt desc, j.empl_rcd, j.effseq desc
"""
