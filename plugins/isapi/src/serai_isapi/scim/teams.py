"""The departments of the HR system as Groups: their members are who works there, and the departments below."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Any

import asyncpg
import attrs
from scim2_models import Meta, Resource

from serai_isapi.published import PRESENT, Edition
from serai_isapi.scim.models import GROUP
from serai_isapi.scim.reading import Entry
from serai_isapi.statement import Statement

_IDENTIFIER = "(d.setid || '.' || d.deptid)"
_SINGLES = {
    "id": _IDENTIFIER,
    "externalId": "d.deptid",
    "displayName": "d.name",
    "meta.resourceType": "'Group'",
}
_MEMBERS = """(
    select p.emplid as value, 'User' as type, p.name as display from {employee} p
    where p.deptid = d.deptid and p.setid = d.setid and p.status = 'active'
    union all
    select c.setid || '.' || c.deptid, 'Group', c.name from {department} c
    where c.parent_deptid = d.deptid and c.setid = d.setid and c.active
) m"""
_SELECT = f"""
select {_IDENTIFIER} as id, d.deptid, d.name,
       (select md5(string_agg(m.value || ' ' || coalesce(m.display, ''), ',' order by m.type, m.value))
        from {_MEMBERS}) as roster
from {{department}} d where d.active and {_IDENTIFIER} = any ({{ids}}::text[])
"""
_SELECT_MEMBERS = f"""
select {_IDENTIFIER} as id, m.* from {{department}} d cross join lateral {_MEMBERS}
where d.active and {_IDENTIFIER} = any ({{ids}}::text[]) order by id, m.type desc, m.value
"""


@attrs.frozen
class TeamReading:
    """The attributes of departments."""

    edition: Edition

    def single(self, path: str) -> str | None:
        return _SINGLES.get(path)

    def indexed(self, path: str) -> Sequence[str]:
        return ()

    def inside(self, path: str) -> list[str]:
        return [expression for name, expression in _SINGLES.items() if name.startswith(f"{path}.")]

    def any_entry(self, path: str, condition: Callable[[Entry], str]) -> str:
        if path != "members":
            return "false"
        entry = {"value": "m.value", "type": "m.type", "display": "m.display"}
        return f"exists (select from {_of(self.edition, _MEMBERS)} where {condition(entry.get)})"

    def any_filled(self, path: str) -> str:
        return self.any_entry(path, lambda _: "true")

    def first(self, path: str, sub: str) -> str | None:
        return None


@attrs.frozen
class Teams:
    """The active departments of the edition."""

    edition: Edition = PRESENT
    kind = "Group"
    identifier = _IDENTIFIER

    @property
    def relation(self) -> str:
        return f"(select * from {self.edition.department} where active) d"

    @property
    def reading(self) -> TeamReading:
        return TeamReading(self.edition)

    async def load(
        self, connection: asyncpg.Connection, ids: Sequence[str], *, members: bool
    ) -> Mapping[str, Resource[Any]]:
        statement = Statement(self.edition)
        wanted = statement.value(list(ids))
        rows = await connection.fetch(self.edition.query(_of(self.edition, _SELECT, wanted)), *statement.values)
        rosters: dict[str, list[dict[str, Any]]] = {}
        roster = self.edition.query(_of(self.edition, _SELECT_MEMBERS, wanted))
        for member in await connection.fetch(roster, *statement.values) if members and rows else ():
            reference = f"{member['type']}s/{member['value']}"
            rosters.setdefault(member["id"], []).append(
                {"value": member["value"], "$ref": reference, "type": member["type"], "display": member["display"]}
            )
        return {row["id"]: _group(row, rosters.get(row["id"])) for row in rows}


def _of(edition: Edition, sql: str, ids: str = "") -> str:
    """The SQL on the relations of the edition; `ids` is the placeholder of the ids that are asked for."""
    return sql.format(employee=edition.employee, department=edition.department, ids=ids)


def _group(row: asyncpg.Record, roster: list[dict[str, Any]] | None) -> Resource[Any]:
    version = blake2b(repr(tuple(row)).encode(), digest_size=9).hexdigest()
    group = GROUP.model_validate(
        {
            "schemas": [str(GROUP.__schema__)],
            "id": row["id"],
            "externalId": row["deptid"],
            "displayName": row["name"],
            "members": roster,
        }
    )
    group.meta = Meta(resource_type="Group", version=f'W/"{version}"')
    return group
