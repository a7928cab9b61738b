"""All resources as one collection: what scim2-server reads and writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
from scim2_models import (
    ForbiddenException,
    GroupMembership,
    InvalidCursorException,
    NotFoundException,
    Resource,
    ResourceType,
    ResponseParameters,
    SearchRequest,
    UniquenessException,
    User,
)
from scim2_server.storage import AsyncScimStorage, SearchPage

from serai import Database
from serai_isapi.published import PRESENT, Edition
from serai_isapi.scim.filters import condition_of, sort_key_of
from serai_isapi.scim.local import Documents, memberships
from serai_isapi.scim.models import MODELS
from serai_isapi.scim.people import USER_NAME, People
from serai_isapi.scim.source import Source
from serai_isapi.scim.teams import Teams
from serai_isapi.statement import Statement

_FARTHEST = 2**62
"""Beyond the end of every collection, and still a number to PostgreSQL."""

Position = tuple[str, str | None, str, str]
"""Where a page ended: `next` or `previous`, and the sort key, kind and id of the resource at its edge."""


class Storage(AsyncScimStorage):
    """The people and departments of the HR system, read-only, and beside them, with `writes`, what clients wrote.

    A storage serves one caller: `edition` has the people that they may know of, `fields` are those of `Employee` that
    they see of everybody; with `private`, they see private contacts of written people. Who writes must, or a change
    would lose what they do not see.
    """

    supports_cursors = True

    def __init__(
        self, db: Database, *, fields: frozenset[str], private: bool, writes: bool, edition: Edition = PRESENT
    ) -> None:
        self._db = db
        self._edition = edition
        self._sources: dict[str, list[Source]] = {"User": [People(fields, edition)], "Group": [Teams(edition)]}
        self._documents: dict[str, Documents] = (
            {kind: Documents(kind, private) for kind in self._sources} if writes else {}
        )
        for kind, documents in self._documents.items():
            self._sources[kind].append(documents)

    async def get(
        self,
        resource_type: ResourceType,
        resource_id: str,
        *,
        response_parameters: ResponseParameters[Any] | None = None,
    ) -> Resource[Any]:
        kind = _kind(resource_type)
        if resource_id.isprintable():  # no text that PostgreSQL cannot hold
            async with self._db.raw() as connection:
                found = await self._load(connection, [(kind, resource_id)], members=_wants_members(response_parameters))
            if found:
                return found[0]
        raise NotFoundException(detail=f"There is no such {kind}")

    async def search(
        self, resource_types: list[ResourceType], search_request: SearchRequest[Any], *, position: Any = None
    ) -> SearchPage:
        sources = [source for each in resource_types for source in self._sources[_kind(each)]]
        found = Statement(self._edition)
        union = " union all ".join(_select(source, search_request, found) for source in sources)
        async with self._db.raw() as connection:
            total = None
            if search_request.cursor is None:
                total = await connection.fetchval(
                    self._edition.query(f"select count(*) from ({union}) x"), *found.values
                )
            if search_request.count == 0:
                return SearchPage(total, [])
            tail, turned = _page_clause(search_request, position, found)
            rows = await connection.fetch(self._edition.query(f"select * from ({union}) x {tail}"), *found.values)
            page = _edges(rows, search_request, position, total, turned=turned)
            keys = [(row["kind"], row["id"]) for row in page.resources]
            page.resources = await self._load(connection, keys, members=_wants_members(search_request))
        return page

    async def create(self, resource_type: ResourceType, resource: Resource[Any]) -> Resource[Any]:
        documents = self._writable(resource_type)
        async with self._db.raw() as connection:
            await _check_name(connection, resource)
            return await documents.create(connection, resource)

    async def update(
        self, resource_type: ResourceType, resource: Resource[Any], *, expected_version: str | None = None
    ) -> Resource[Any]:
        documents = self._writable(resource_type)
        async with self._db.raw() as connection:
            await self._refuse_theirs(connection, resource_type, str(resource.id))
            await _check_name(connection, resource)
            return await documents.update(connection, resource, expected_version)

    async def delete(
        self, resource_type: ResourceType, resource_id: str, *, expected_version: str | None = None
    ) -> None:
        documents = self._writable(resource_type)
        async with self._db.raw() as connection:
            await self._refuse_theirs(connection, resource_type, resource_id)
            await documents.delete(connection, resource_id, expected_version)

    async def _load(
        self, connection: asyncpg.Connection, keys: Sequence[tuple[str, str]], *, members: bool
    ) -> list[Resource[Any]]:
        """The resources of these kinds and ids, in their order: a few statements, however many they are.

        One that is not there (any more) is left out.
        """
        found: dict[tuple[str, str], Resource[Any]] = {}
        for kind, sources in self._sources.items():
            ids = [identifier for each, identifier in keys if each == kind]
            for source in sources if ids else ():
                loaded = await source.load(connection, ids, members=members)
                found |= {(kind, identifier): resource for identifier, resource in loaded.items()}
            if ids and kind == "User" and self._documents:
                for identifier, groups in (await memberships(connection, ids)).items():
                    _join(found.get((kind, identifier)), groups)
        return [found[key] for key in keys if key in found]

    def _writable(self, resource_type: ResourceType) -> Documents:
        documents = self._documents.get(_kind(resource_type))
        if documents is None:
            raise ForbiddenException(detail="People and departments come from the HR system and are read-only here")
        return documents

    async def _refuse_theirs(
        self, connection: asyncpg.Connection, resource_type: ResourceType, identifier: str
    ) -> None:
        """Refuse to write what the HR system owns."""
        theirs = self._sources[_kind(resource_type)][0]
        if await theirs.load(connection, [identifier], members=False):
            raise ForbiddenException(detail=f"This {theirs.kind} comes from the HR system and is read-only here")


def _select(source: Source, search: SearchRequest[Any], found: Statement) -> str:
    """The sort keys, kinds and ids of the source's resources that the search asks for."""
    model = MODELS[source.kind]
    key = sort_key_of(search, model, source.reading)
    where = "" if search.filter is None else f" where {condition_of(search.filter, model, source.reading, found)}"
    return f"select {key} as key, '{source.kind}' as kind, {source.identifier} as id from {source.relation}{where}"


def _page_clause(search: SearchRequest[Any], position: Any, found: Statement) -> tuple[str, bool]:
    """The order, and where the page begins and ends; and whether its rows come from its end to its beginning.

    One row more than the page is asked for: it says whether another page follows.
    """
    descending = search.sort_by is not None and search.sort_order is SearchRequest.SortOrder.descending
    where, turned = "", False
    if position is not None:
        direction, key, kind, identifier = _read(position)
        turned = direction == "previous"
        edge = ", ".join(found.value(value) for value in (key is None, key or "", kind, identifier))
        sign = "<" if turned is not descending else ">"
        where = f"where (x.key is null, coalesce(x.key, ''), x.kind, x.id) {sign} ({edge})"
    way = "desc" if turned is not descending else "asc"
    columns = ("x.kind", "x.id") if search.sort_by is None else ("x.key is null", "x.key", "x.kind", "x.id")
    order = ", ".join(f"{column} {way}" for column in columns)
    limit = "" if search.count is None else f" limit {int(search.count) + 1}"
    offset = f" offset {min(search.start_index_0, _FARTHEST)}" if search.start_index_0 else ""
    return f"{where} order by {order}{limit}{offset}", turned


def _edges(
    rows: Sequence[asyncpg.Record], search: SearchRequest[Any], position: Any, total: int | None, *, turned: bool
) -> SearchPage:
    """The page of these rows, with the positions of the pages before and after it."""
    kept = list(rows if search.count is None else rows[: search.count])
    more = len(rows) > len(kept)
    if turned:
        kept.reverse()
    page = SearchPage(total, kept)
    if search.cursor is not None and kept:
        if more or turned:
            page.next = _edge("next", kept[-1])
        if (more and turned) or (position is not None and not turned):
            page.previous = _edge("previous", kept[0])
    return page


def _edge(direction: str, row: asyncpg.Record) -> list[Any]:
    return [direction, row["key"], row["kind"], row["id"]]


def _read(position: Any) -> Position:
    match position:
        case [("next" | "previous") as direction, (str() | None) as key, str() as kind, str() as identifier]:
            return direction, key, kind, identifier
    raise InvalidCursorException


def _join(user: Resource[Any] | None, groups: Sequence[Mapping[str, Any]]) -> None:
    """Say of a user that it is in these groups too."""
    if isinstance(user, User):
        user.groups = [*(user.groups or ()), *(GroupMembership.model_validate(group) for group in groups)]


def _wants_members(parameters: ResponseParameters[Any] | None) -> bool:
    """Whether the answer shows members of groups, which may be many."""
    if parameters is None:
        return True
    if parameters.attributes:
        return any("members" in str(path).lower() for path in parameters.attributes)
    return not any(str(path).lower().rpartition(":")[2] == "members" for path in parameters.excluded_attributes or ())


async def _check_name(connection: asyncpg.Connection, resource: Resource[Any]) -> None:
    """Refuse a userName that a person of the HR system has."""
    name = getattr(resource, "user_name", None)
    if name is not None and await connection.fetchval(
        f"select true from isapi.employee e where (lower(e.rtx_id) = $1 or lower(e.emplid) = $1)"
        f" and lower({USER_NAME}) = $1 limit 1",
        name.lower(),
    ):
        raise UniquenessException(detail="The userName is taken by a person of the HR system")


def _kind(resource_type: ResourceType) -> str:
    return str(resource_type.name)
