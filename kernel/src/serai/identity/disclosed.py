"""Reads what `Disclosures` noted: so that a colleague's question who saw their number has an answer."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import attrs

from serai.context import Database

_SELECT = """
    select noted_at, id, client_id, client, person, route, subjects, fields, purpose, request_id
    from serai.disclosure
    where ($1::text is null or client_id = $1) and ($2::text is null or subjects @> array[$2])
      and ($3::timestamptz is null or noted_at >= $3)
      and ($4::timestamptz is null or (noted_at, id) < ($4, $5))
    order by noted_at desc, id desc limit $6
"""


@attrs.frozen(kw_only=True)
class Disclosure:
    """One answer that showed personal data. Times are UTC."""

    noted_at: datetime
    id: UUID
    client_id: str
    client: str
    """The client's name then."""
    person: str | None
    """The colleague whose own key it was."""
    route: str
    """The route's template."""
    subjects: list[str]
    """Whose data: emplids."""
    fields: list[str]
    """Which personal fields."""
    purpose: str
    request_id: str


@attrs.frozen(kw_only=True)
class Asked:
    """Which disclosures: None takes all."""

    client_id: str | None = None
    subject: str | None = None
    """An emplid."""
    since: datetime | None = None


async def read(
    database: Database, asked: Asked, *, limit: int, after: tuple[datetime, UUID] | None = None
) -> list[Disclosure]:
    """The newest first; `after` is where the page before ended."""
    moment, last = after or (None, None)
    async with database.raw() as connection:
        rows = await connection.fetch(_SELECT, asked.client_id, asked.subject, asked.since, moment, last, limit)
    return [Disclosure(**row) for row in rows]
