"""People and groups that SCIM clients wrote: kept as the documents they are, beside those of the HR system."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import uuid4

import asyncpg
import attrs
import msgspec
from scim2_models import (
    Meta,
    NotFoundException,
    PreconditionFailedException,
    Resource,
    UniquenessException,
    default_comparison_key,
)
from scim2_models import Path as AttributePath

from serai_isapi.scim.models import ENTERPRISE, MODELS, USER
from serai_isapi.scim.reading import Entry

_BOOLEANS = {"active", "primary"}
_SINGLES = {
    "id": "r.id",
    "meta.resourceType": "r.kind",
    "meta.created": "r.created",
    "meta.lastModified": "r.last_modified",
    "meta.version": "r.version",
}
_USER_NAME = AttributePath[USER]("userName").resolve()


_PERSONAL = {"emails", "phoneNumbers", "addresses", "ims"}
"""Of these, who may not see private contacts is shown the entries of type `work` only."""


@attrs.frozen
class DocumentReading:
    """The attributes of stored documents, with private contacts or without."""

    private: bool

    def single(self, path: str) -> str | None:
        if path in _SINGLES or path.startswith("meta."):
            return _SINGLES.get(path)
        return _text("r.content", _steps(path))

    def indexed(self, path: str) -> Sequence[str]:
        return ("r.user_name",) if path == "userName" else ()

    def inside(self, path: str) -> list[str]:
        if path == "meta":
            return list(_SINGLES.values())[1:]
        document = f"r.content #> {_array(_steps(path))}"
        return [f"""case when jsonb_path_exists({document}, '$.* ? (@ != "")') then 'x' end"""]

    def any_entry(self, path: str, condition: Callable[[Entry], str]) -> str:
        return f"exists (select from {self._entries(path)} where {condition(_entry)})"

    def any_filled(self, path: str) -> str:
        return f"""exists (select from {self._entries(path)} where jsonb_path_exists(v.entry, '$.* ? (@ != "")'))"""

    def first(self, path: str, sub: str) -> str | None:
        primary = "coalesce((v.entry->>'primary')::boolean, false)"
        return f"(select {_entry(sub)} from {self._entries(path)} order by {primary} desc, v.position limit 1)"

    def _entries(self, path: str) -> str:
        document = f"r.content #> {_array(_steps(path))}"
        if path in _PERSONAL and not self.private:
            document = f"""jsonb_path_query_array({document}, '$[*] ? (@.type == "work")')"""
        return (
            f"jsonb_array_elements(case when jsonb_typeof({document}) = 'array' then {document} end)"
            " with ordinality as v(entry, position)"
        )


def _steps(path: str) -> list[str]:
    """The keys on the way to an attribute."""
    if path.startswith(f"{ENTERPRISE}:"):
        return [ENTERPRISE, *path.removeprefix(f"{ENTERPRISE}:").split(".")]
    return path.split(".")


def _array(steps: Sequence[str]) -> str:
    """The keys as an array of SQL: names of declared attributes, which hold no quote."""
    return f"array[{', '.join(map(repr, steps))}]"


def _text(document: str, steps: Sequence[str]) -> str:
    expression = f"{document} #>> {_array(steps)}"
    return f"({expression})::boolean" if steps[-1] in _BOOLEANS else f"({expression})"


def _entry(sub: str) -> str:
    return _text("v.entry", [sub])


@attrs.frozen
class Documents:
    """The stored resources of one type, with private contacts or without."""

    kind: str
    private: bool
    identifier = "r.id"

    @property
    def reading(self) -> DocumentReading:
        return DocumentReading(self.private)

    @property
    def relation(self) -> str:
        return f"(select * from isapi.scim_resource where kind = '{self.kind}') r"

    async def load(
        self, connection: asyncpg.Connection, ids: Sequence[str], *, members: bool
    ) -> Mapping[str, Resource[Any]]:
        rows = await connection.fetch(
            "select * from isapi.scim_resource where kind = $1 and id = any ($2::text[])", self.kind, list(ids)
        )
        return {row["id"]: self._resource(row) for row in rows}

    async def create(self, connection: asyncpg.Connection, resource: Resource[Any]) -> Resource[Any]:
        """Store a new resource. Raises `UniquenessException`."""
        try:
            row = await connection.fetchrow(
                "insert into isapi.scim_resource (kind, id, user_name, content) values ($1, $2, $3, $4::jsonb)"
                " returning *",
                self.kind, uuid4().hex, _key(resource), _content(resource),
            )  # fmt: skip
        except asyncpg.UniqueViolationError:
            raise _taken() from None
        return self._resource(row)

    async def update(
        self, connection: asyncpg.Connection, resource: Resource[Any], expected_version: str | None
    ) -> Resource[Any]:
        """Replace a stored resource. Raises `NotFound-`, `PreconditionFailed-` and `UniquenessException`."""
        try:
            row = await connection.fetchrow(
                "update isapi.scim_resource set user_name = $4, content = $5::jsonb, version = version + 1,"
                " last_modified = now() where kind = $1 and id = $2 and ($3::bigint is null or version = $3)"
                " returning *",
                self.kind, resource.id, _number(expected_version), _key(resource), _content(resource),
            )  # fmt: skip
        except asyncpg.UniqueViolationError:
            raise _taken() from None
        if row is None:
            raise await self._missing(connection, str(resource.id))
        return self._resource(row)

    async def delete(self, connection: asyncpg.Connection, identifier: str, expected_version: str | None) -> None:
        """Forget a stored resource. Raises `NotFoundException`, `PreconditionFailedException`."""
        gone = await connection.fetchrow(
            "delete from isapi.scim_resource where kind = $1 and id = $2 and ($3::bigint is null or version = $3)"
            " returning id",
            self.kind, identifier, _number(expected_version),
        )  # fmt: skip
        if gone is None:
            raise await self._missing(connection, identifier)

    async def _missing(
        self, connection: asyncpg.Connection, identifier: str
    ) -> NotFoundException | PreconditionFailedException:
        """Why a resource of the version that was expected is not there."""
        there = await connection.fetchval(
            "select true from isapi.scim_resource where kind = $1 and id = $2", self.kind, identifier
        )
        return PreconditionFailedException() if there else NotFoundException(detail=f"{self.kind} not found")

    def _resource(self, row: asyncpg.Record) -> Resource[Any]:
        content: dict[str, Any] = msgspec.json.decode(row["content"])
        if not self.private:
            for name in _PERSONAL & content.keys():
                content[name] = [entry for entry in content[name] if entry.get("type") == "work"]
        resource: Resource[Any] = MODELS[self.kind].model_validate(content)
        resource.id = row["id"]
        resource.meta = Meta(
            resource_type=self.kind,
            created=row["created"],
            last_modified=row["last_modified"],
            version=f'W/"{row["version"]}"',
        )
        return resource


async def memberships(connection: asyncpg.Connection, ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """In which stored groups these people are: `groups` of a User, by its id."""
    rows = await connection.fetch(
        "select m.entry->>'value' as member, r.id, r.content->>'displayName' as name"
        " from isapi.scim_resource r cross join jsonb_array_elements(r.content->'members') m(entry)"
        " where r.kind = 'Group' and r.content->'members' @> any ($1::text[]::jsonb[])"
        " and m.entry->>'value' = any ($2::text[])"
        " order by r.id",
        [msgspec.json.encode([{"value": identifier}]).decode() for identifier in ids],
        list(ids),
    )
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        group = {"value": row["id"], "$ref": f"Groups/{row['id']}", "display": row["name"], "type": "direct"}
        groups.setdefault(row["member"], []).append(group)
    return groups


def _content(resource: Resource[Any]) -> str:
    """The document that is kept: a password is never, and what only the server says is said anew each time."""
    document = resource.model_dump()
    for name in ("id", "meta", "password", "groups"):
        document.pop(name, None)
    return msgspec.json.encode(document).decode()


def _key(resource: Resource[Any]) -> str | None:
    """The userName in the form that must be unique."""
    name = getattr(resource, "user_name", None)
    return None if name is None else default_comparison_key(_USER_NAME, name)


def _number(version: str | None) -> int | None:
    return None if version is None else int(version.removeprefix('W/"').removesuffix('"'))


def _taken() -> UniquenessException:
    return UniquenessException(detail="The userName is taken")
