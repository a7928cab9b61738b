"""Up to when each view has been read: what a run may leave out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import asyncpg

from serai import Database
from serai_ehr import Changed
from serai_isapi.records import RECORDS, Record
from serai_isapi.settings import Settings, company_date

Watermarks = Mapping[str, datetime]
"""By view: the source's clock at the last reading that was applied."""


async def read(db: Database, source: str) -> Watermarks | None:
    """The watermarks of that source; None unless there is one of every view, so that all must be read."""
    async with db.raw() as connection:
        rows = await connection.fetch("select view, read_as_of from isapi.watermark where source = $1", source)
    marks = {row["view"]: row["read_as_of"] for row in rows}
    return marks if all(record.view.name in marks for record in RECORDS) else None


async def advance(connection: asyncpg.Connection, source: str, clock: datetime) -> None:
    """Note, in the transaction that applies it, that every view was read as of `clock`."""
    await connection.execute(
        "insert into isapi.watermark (view, source, read_as_of) select unnest($1::text[]), $2, $3"
        " on conflict (view) do update set source = excluded.source, read_as_of = excluded.read_as_of",
        [record.view.name for record in RECORDS],
        source,
        clock,
    )


def changed_since(settings: Settings, record: Record, marks: Watermarks, clock: datetime) -> Changed:
    """What to read of a view: stamped since its watermark, less an overlap, or in force since then."""
    mark = marks[record.view.name]
    since = mark - timedelta(minutes=settings.sync_overlap_minutes)
    return Changed(since=since, effective_after=company_date(since), effective_to=company_date(clock))
