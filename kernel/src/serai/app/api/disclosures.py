"""`/-/api/v1/disclosures`: who was shown whose personal data."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import attrs
from msgspec import Meta, Struct

from serai.context import Call
from serai.declarations import Api, Page, PageQuery
from serai.identity import clients, disclosed

api = Api(version=1)

_FIRST, _LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(3000, 1, 1, tzinfo=UTC)


class DisclosureQuery(PageQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which disclosures to list."""

    client: Annotated[str, Meta(max_length=63, description="A client's name or id")] | None = None
    subject: Annotated[str, Meta(max_length=11, description="Whose data was shown: an emplid")] | None = None
    since: Annotated[datetime, Meta(tz=True)] | None = None


class Disclosure(Struct, frozen=True, kw_only=True):
    """One answer that showed personal data."""

    noted_at: datetime
    client_id: str
    client: Annotated[str, Meta(description="Its name then")]
    person: Annotated[str | None, Meta(description="The colleague whose own key it was")]
    route: Annotated[str, Meta(description="The template")]
    subjects: Annotated[list[str], Meta(description="Whose data: emplids")]
    fields: Annotated[list[str], Meta(description="Which personal fields")]
    purpose: str
    request_id: str


@api.get("/disclosures", permission="kernel:disclosures", raises=[clients.NoSuchClient])
async def list_disclosures(call: Call, query: DisclosureQuery) -> Page[Disclosure]:
    """List who was shown whose personal data, the newest first."""
    client = None if query.client is None else (await clients.find(call.ctx.db, query.client)).id
    position = call.position(query)
    found = await disclosed.read(
        call.ctx.db,
        disclosed.Asked(client_id=client, subject=query.subject, since=_kept(query.since)),
        limit=query.limit + 1,
        after=(datetime.fromisoformat(position[0]), UUID(position[1])) if position else None,
    )
    page = found[: query.limit]
    more = [page[-1].noted_at.isoformat(), str(page[-1].id)] if len(found) > query.limit else None
    return Page(items=[_shown(one) for one in page], next_cursor=call.cursor(query, more))


def _kept(since: datetime | None) -> datetime | None:
    """The moment within what can be kept: the ends of the calendar have no UTC."""
    return None if since is None else min(max(since, _FIRST), _LAST)


def _shown(one: disclosed.Disclosure) -> Disclosure:
    return Disclosure(**attrs.asdict(one, filter=lambda attribute, _: attribute.name != "id"))
