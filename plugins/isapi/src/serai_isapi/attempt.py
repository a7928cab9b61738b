"""One reading of the source on its way into the tables: read, judged, guarded, applied."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Protocol

import asyncpg
import attrs

from serai import Context, PluginError
from serai_ehr import Reading, Source
from serai_isapi import guards, held, quarantine, staging, watermarks
from serai_isapi.changes import tell
from serai_isapi.guards import Held
from serai_isapi.judging import judge, loses
from serai_isapi.merging import apply_staged
from serai_isapi.publishing import EDITION, Published, publish_everybody, publish_staged, told_too
from serai_isapi.records import NID, RECORDS, Record
from serai_isapi.runs import RunRecord
from serai_isapi.sealing import changed_people
from serai_isapi.settings import Settings, company_date
from serai_isapi.spelling import spell_new_names
from serai_isapi.staging import Counts
from serai_isapi.watermarks import Watermarks

SOURCE_PATIENCE = 60.0
"""Seconds that a run waits for a source that is just connecting, as it is when the process starts."""


class Progress(Protocol):
    """How a run says how far it is."""

    def __call__(self, note: str, *, done: int | None = None, total: int | None = None) -> None: ...


@attrs.define
class Attempt:
    """What one run does, on the connection that holds the lock."""

    ctx: Context
    connection: asyncpg.Connection
    record: RunRecord
    progress: Progress
    counts: dict[str, Counts]

    async def read(self, marks: Watermarks | None) -> None:
        """Stage what changed since the watermarks, or how all of it differs; believe it or hold it; apply it.

        Raises `Held`.
        """
        settings = self.ctx.get(Settings)
        await self.record.reach("extracting", self.counts)
        source = await self.ctx.devices.wait_for(
            Source,  # type: ignore[type-abstract]  # a Protocol is what it takes
            settings.source,
            timeout=SOURCE_PATIENCE,
        )
        await _check_views(source, settings)
        async with source.open() as reading:
            clock = reading.clock
            await self.record.reach("extracting", self.counts, clock)
            reasons = guards.check_clock(settings, clock, self.ctx.now())
            for position, item in enumerate(RECORDS):
                if item is NID and not settings.national_ids:
                    continue
                self.progress(f"reading {item.view.name}", done=position, total=len(RECORDS))
                self.counts[item.view.name].read = await self._extract(reading, item, marks)
                await self.record.reach("extracting", self.counts)
        self.progress("validating")
        await self.record.reach("validating", self.counts)
        await self._judge()
        whole = [
            item for item in RECORDS if _whole(item, full=marks is None) and (item is not NID or settings.national_ids)
        ]
        reasons += await guards.check_reading(self.connection, settings, self.counts, whole, self.record.id)
        try:
            await self._apply(clock, full=marks is None, reasons=reasons)
        except Held:
            await held.keep(self.connection)
            raise

    async def approve(self, clock: datetime, *, full: bool) -> None:
        """Apply what was staged and held, whatever the guards say."""
        await held.stage(self.connection)
        await self._apply(clock, full=full, reasons=None)

    async def _extract(self, reading: Reading, item: Record, marks: Watermarks | None) -> int:
        if marks is None or _whole(item, full=False):
            return await staging.read_whole(self.connection, reading, item, self.ctx.keys)
        changed = watermarks.changed_since(self.ctx.get(Settings), item, marks, reading.clock)
        return await staging.read_changed(self.connection, reading, item, self.ctx.keys, changed)

    async def _judge(self) -> None:
        lost = False
        for item in RECORDS:
            bad = await judge(self.connection, item, lost=lost)
            if bad:
                await quarantine.put_aside(self.connection, item, self.record.id, self.ctx.now())
            self.counts[item.view.name].quarantined = bad
            lost = lost or await loses(self.connection, item)

    async def _apply(self, clock: datetime, *, full: bool, reasons: list[str] | None) -> None:
        """In one transaction; with `reasons`, or a guard that trips at the end of it, it is rolled back: `Held`."""
        settings, today = self.ctx.get(Settings), company_date(self.ctx.now())
        self.progress("applying")
        await self.record.reach("applying", self.counts)
        async with self.connection.transaction():
            rolled = await catch_up(self.connection, today)
            await guards.note_workforce(self.connection)
            people = await changed_people(self.connection)
            changes = {item.view.name: await apply_staged(self.connection, item) for item in RECORDS}
            if not settings.national_ids:
                await self.connection.execute("delete from isapi.nid")
            published = await self._publish(today) + await told_too(self.connection, people)
            if reasons is not None:
                reasons += await guards.check_terminations(self.connection, settings)
                if reasons:
                    raise Held(reasons)
            for item in RECORDS:
                await quarantine.resolve(self.connection, item, self.record.id, whole=_whole(item, full=full))
            await held.drop(self.connection)
            await watermarks.advance(self.connection, settings.source, clock)
            await self._note_state(clock, today)
            await tell(self.ctx.feed, self.connection, rolled + published)
        for view, made in changes.items():
            self.counts[view] = attrs.evolve(self.counts[view], **attrs.asdict(made))

    async def _publish(self, today: date) -> Published:
        edition = await self.connection.fetchval("select edition from isapi.data_state")
        if edition != EDITION or await self.connection.fetchval("select exists (select from pg_temp.staged_name)"):
            await spell_new_names(self.connection)
        if edition != EDITION:
            return await publish_everybody(self.connection, today)
        return await publish_staged(self.connection, today)

    async def _note_state(self, clock: datetime, today: date) -> None:
        await self.connection.execute(
            "insert into isapi.data_state (id, data_as_of, published_on, earliest, run_id, edition)"
            " values (true, $1, $2, (select min(effdt) from isapi.job), $3, $4) on conflict (id) do update"
            " set data_as_of = excluded.data_as_of, published_on = excluded.published_on,"
            " earliest = excluded.earliest, run_id = excluded.run_id, edition = excluded.edition",
            clock,
            today,
            self.record.id,
            EDITION,
        )


async def catch_up(connection: asyncpg.Connection, today: date) -> Published:
    """Publish what the days since the last publication ended or began, so that no sync is blamed for it.

    In the caller's transaction, who tells of it.
    """
    published_on = await connection.fetchval("select published_on from isapi.data_state")
    if published_on is None or published_on >= today:
        return Published()
    published = await publish_everybody(connection, today)
    await connection.execute("update isapi.data_state set published_on = $1, edition = $2", today, EDITION)
    return published


def summary(counts: Mapping[str, Counts]) -> str:
    """What a run did, over all views, in rows."""
    totals = {
        field.name: sum(getattr(count, field.name) for count in counts.values()) for field in attrs.fields(Counts)
    }
    return "done: " + ", ".join(f"{total:,} {name}" for name, total in totals.items())


def _whole(item: Record, *, full: bool) -> bool:
    """Whether the run reads all of the view: of one without stamps nobody can say what changed."""
    return full or not item.view.stamped


async def _check_views(source: Source, settings: Settings) -> None:
    read = {item.view.name for item in RECORDS if item is not NID or settings.national_ids}
    faults = [fault for fault in await source.check() if fault.view in read]
    if faults:
        found = "; ".join(
            f"{fault.view}{'.' + fault.column if fault.column else ''}: expected {fault.expected}, found {fault.found}"
            for fault in faults
        )
        raise PluginError(
            f"device {settings.source} does not keep the contract: {found}", hint="see docs/drivers/ehr.md"
        )
