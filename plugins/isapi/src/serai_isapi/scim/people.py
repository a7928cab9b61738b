"""The people of the HR system as Users."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from hashlib import blake2b
from typing import Any

import asyncpg
import attrs
from scim2_models import Meta, Resource

from serai_isapi.published import PRESENT, Edition
from serai_isapi.scim.columns import Columns
from serai_isapi.scim.models import ENTERPRISE, USER
from serai_isapi.statement import Statement

USER_NAME = """case when exists (
    select from isapi.employee o where lower(o.rtx_id) = lower(e.rtx_id) and o.emplid <> e.emplid
    and (o.status = 'active', o.emplid) > (e.status = 'active', e.emplid)
) then e.emplid else coalesce(e.rtx_id, e.emplid) end"""
"""The chat account, unless somebody who works here, or came later, bears it too: then, and without one, the emplid."""

_SINGLES = {
    "id": ("emplid", "e.emplid"),
    "externalId": ("emplid", "e.emplid"),
    "userName": ("rtx_id", USER_NAME),
    "displayName": ("name", "e.name"),
    "name.formatted": ("name", "e.name"),
    "userType": ("employment_type", "e.employment_type"),
    "title": ("title", "e.title"),
    "active": ("status", "(e.status = 'active')"),
    "meta.resourceType": ("emplid", "'User'"),
    f"{ENTERPRISE}:employeeNumber": ("emplid", "e.emplid"),
    f"{ENTERPRISE}:organization": ("company", "e.company"),
    f"{ENTERPRISE}:division": ("business_unit", "e.business_unit"),
    f"{ENTERPRISE}:department": ("department", "e.department_name"),
    f"{ENTERPRISE}:manager.value": ("manager_emplid", "e.manager_emplid"),
}
"""Attributes: the field of `Employee` that decides who sees it, and the expression."""

_ENTRIES = {
    "emails": (("mail", "e.mail", "work"), ("private_mail", "e.private_mail", "home")),
    "phoneNumbers": (
        ("work_phone", "e.work_phone", "work"),
        ("mobile_phone", "e.mobile_phone", "mobile"),
        ("home_phone", "e.home_phone", "home"),
    ),
}
"""Multi-valued attributes: the same of each entry, and its `type`. The first one is the primary."""

_SELECT = f"""
select e.*, {USER_NAME} as user_name, m.name as manager_name,
       array(select g.setid || '.' || g.deptid || ' ' || g.name from {{department}} g
             where g.setid = e.setid and g.deptid = any (e.department_path) and g.active
             order by array_position(e.department_path, g.deptid) desc) as teams
from {{employee}} e left join {{employee}} m on m.emplid = e.manager_emplid
where e.emplid = any ({{ids}}::text[])
"""


@lru_cache(maxsize=64)  # by what a caller may see
def _columns(fields: frozenset[str]) -> Columns:
    return Columns(
        singles={path: expression for path, (field, expression) in _SINGLES.items() if field in fields},
        entries={
            path: [
                {"value": expression, "type": f"'{kind}'", "primary": "true" if position == 0 else "false"}
                for position, (field, expression, kind) in enumerate(entries)
                if field in fields
            ]
            for path, entries in _ENTRIES.items()
        },
        indexes={"userName": ("lower(e.rtx_id)", "lower(e.emplid)")},
    )


@attrs.frozen(slots=False)
class People:
    """Everybody of the edition, with those `fields` of `Employee` that the caller may see."""

    fields: frozenset[str]
    edition: Edition = PRESENT
    kind = "User"
    identifier = "e.emplid"

    @property
    def relation(self) -> str:
        return f"{self.edition.employee} e"

    @cached_property
    def reading(self) -> Columns:
        return _columns(self.fields)

    async def load(
        self, connection: asyncpg.Connection, ids: Sequence[str], *, members: bool
    ) -> Mapping[str, Resource[Any]]:
        statement = Statement(self.edition)
        select = _SELECT.format(
            employee=self.edition.employee, department=self.edition.department, ids=statement.value(list(ids))
        )
        rows = await connection.fetch(self.edition.query(select), *statement.values)
        return {row["emplid"]: self._user(row) for row in rows}

    def _user(self, row: asyncpg.Record) -> Resource[Any]:
        document = self._document(row)
        version = blake2b(repr(document).encode(), digest_size=9).hexdigest()
        user: Resource[Any] = USER.model_validate(document)
        user.meta = Meta(resource_type="User", version=f'W/"{version}"')
        return user

    def _document(self, row: asyncpg.Record) -> dict[str, Any]:
        """The person as SCIM says it, without what the caller may not see."""

        def seen(field: str, value: Any) -> Any:
            return value if field in self.fields else None

        enterprise = {
            "employeeNumber": row["emplid"],
            "organization": seen("company", row["company"]),
            "division": seen("business_unit", row["business_unit"]),
            "department": seen("department", row["department_name"]),
        }
        manager = seen("manager_emplid", row["manager_emplid"])
        if manager is not None:
            enterprise["manager"] = {"value": manager, "$ref": f"Users/{manager}", "displayName": row["manager_name"]}
        name = seen("name", row["name"])
        return {
            "schemas": [str(USER.__schema__), ENTERPRISE],
            "id": row["emplid"],
            "externalId": row["emplid"],
            "userName": row["user_name"],
            "name": None if name is None else {"formatted": name},
            "displayName": name,
            "userType": seen("employment_type", row["employment_type"]),
            "title": seen("title", row["title"]),
            "active": seen("status", row["status"] == "active"),
            "emails": self._entries("emails", row),
            "phoneNumbers": self._entries("phoneNumbers", row),
            "groups": _teams(row["teams"]) if "department" in self.fields else None,
            ENTERPRISE: enterprise,
        }

    def _entries(self, path: str, row: asyncpg.Record) -> list[dict[str, Any]] | None:
        return [
            {"value": row[field], "type": kind, "primary": position == 0}
            for position, (field, _, kind) in enumerate(_ENTRIES[path])
            if field in self.fields and row[field] is not None
        ] or None


def _teams(teams: Sequence[str]) -> list[dict[str, Any]] | None:
    """`groups` of a User from "ID NAME" of the departments, the person's own first."""
    groups = []
    for position, team in enumerate(teams):
        identifier, _, name = team.partition(" ")
        kind = "indirect" if position else "direct"
        groups.append({"value": identifier, "$ref": f"Groups/{identifier}", "display": name, "type": kind})
    return groups or None
