"""One synchronisation: extract, validate, apply in one transaction, or hold, or fail; and the daily roll-over.

queued -> extracting -> validating -> applying -> done; any of them -> held (not believed) or failed. Held and failed
runs leave the last good data as it is. The same reading twice changes nothing the second time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import date, datetime
from typing import Protocol

import asyncpg
import attrs

from serai import Context, PluginError, SeraiError
from serai_ehr import Source
from serai_isapi import guards, staging
from serai_isapi.guards import Held
from serai_isapi.merging import merge
from serai_isapi.published import publish
from serai_isapi.records import RECORDS
from serai_isapi.runs import RunRecord
from serai_isapi.settings import Settings, company_date
from serai_isapi.spelling import spell_new_names
from serai_isapi.staging import Counts

LOCK = (
    "set statement_timeout = 0",  # other runs are waited for, and so are long statements: the job has its own limit
    "set jit = off",  # compiling the long statements takes longer than running them
    "select pg_advisory_lock(hashtextextended('isapi.sync', 0))",
)
UNLOCK = ("reset statement_timeout", "reset jit", "select pg_advisory_unlock(hashtextextended('isapi.sync', 0))")

SOURCE_PATIENCE = 60.0
"""Seconds that a run waits for a source that is just connecting, as it is when the process starts."""


class Progress(Protocol):
    """How a run says how far it is."""

    def __call__(self, note: str, *, done: int | None = None, total: int | None = None) -> None: ...


@asynccontextmanager
async def alone(ctx: Context) -> AsyncIterator[asyncpg.Connection]:
    """A connection that holds the lock under which data is changed, in the whole deployment."""
    async with ctx.db.raw() as connection:
        try:
            for statement in LOCK:
                await connection.execute(statement)
            yield connection
        finally:
            with _gone_with_the_connection():
                for statement in UNLOCK:
                    await connection.execute(statement)


def _gone_with_the_connection() -> suppress:
    """Around cleaning up: a connection that was lost has taken its lock and its temporary tables with it."""
    return suppress(asyncpg.InterfaceError, asyncpg.PostgresConnectionError)


async def synchronise(ctx: Context, progress: Progress) -> None:
    """Read the source once and make its data ours; `progress` hears in words how far it is.

    Returns also when the run is held: that is an outcome that `health` reports. Raises what made the run fail.
    """
    record = await RunRecord.open(ctx.db, ctx.now())
    counts = {item.view.name: Counts() for item in RECORDS}
    try:
        async with alone(ctx) as connection:
            await record.close_older(ctx.now())
            try:
                await staging.prepare(connection)
                await _run(ctx, connection, record, counts, progress)
            finally:
                with _gone_with_the_connection():
                    await staging.discard(connection)
    except Held as held:
        await record.finish("held", counts, ctx.now(), str(held))
        ctx.log.warning("synchronisation held", run=record.id, reason=str(held))
        progress(f"held: {held}")
    except asyncio.CancelledError:
        await record.finish("failed", counts, ctx.now(), "it was cancelled: its time was over, or the plugin stopped")
        raise
    except SeraiError as error:
        await record.finish("failed", counts, ctx.now(), error.sentence)
        raise
    except Exception as error:
        await record.finish("failed", counts, ctx.now(), f"unexpected {type(error).__name__}: see the log")
        raise
    else:
        await record.finish("done", counts, ctx.now())
        progress(_summary(counts))


async def _run(
    ctx: Context, connection: asyncpg.Connection, record: RunRecord, counts: dict[str, Counts], progress: Progress
) -> None:
    settings = ctx.get(Settings)
    await record.reach("extracting", counts)
    source = await ctx.devices.wait_for(
        Source,  # type: ignore[type-abstract]  # a Protocol is what it takes
        settings.source,
        timeout=SOURCE_PATIENCE,
    )
    await _check_views(source, settings.source)
    async with source.open() as reading:
        await record.reach("extracting", counts, reading.clock)
        guards.check_clock(settings, reading.clock, ctx.now())
        for position, item in enumerate(RECORDS):
            progress(f"reading {item.view.name}", done=position, total=len(RECORDS))
            counts[item.view.name].read = await staging.extract(connection, reading, item)
            await record.reach("extracting", counts)
    progress("validating")
    await record.reach("validating", counts)
    for item in RECORDS:
        await staging.judge(connection, item)
        counts[item.view.name].quarantined = await staging.quarantine(connection, item, record.id)
    await guards.check_reading(connection, settings, counts)
    progress("applying")
    await record.reach("applying", counts)
    await _apply(ctx, connection, record, counts, reading.clock)


def _summary(counts: Mapping[str, Counts]) -> str:
    """What the run did, over all views, in rows."""
    totals = {
        field.name: sum(getattr(count, field.name) for count in counts.values()) for field in attrs.fields(Counts)
    }
    return "done: " + ", ".join(f"{total:,} {name}" for name, total in totals.items())


async def _check_views(source: Source, device: str) -> None:
    faults = await source.check()
    if faults:
        found = "; ".join(
            f"{fault.view}{'.' + fault.column if fault.column else ''}: expected {fault.expected}, found {fault.found}"
            for fault in faults
        )
        raise PluginError(f"device {device} does not keep the contract: {found}", hint="see docs/drivers/ehr.md")


async def _apply(
    ctx: Context, connection: asyncpg.Connection, record: RunRecord, counts: dict[str, Counts], clock: datetime
) -> None:
    today = company_date(ctx.now())
    async with connection.transaction():
        await _catch_up(connection, today)
        await guards.note_workforce(connection)
        changes = {
            item.view.name: await merge(
                connection, source=item.staged, target=item.table.fullname, key=item.key, columns=item.columns
            )
            for item in RECORDS
        }
        await spell_new_names(connection)
        await publish(connection, today)
        await guards.check_terminations(connection, ctx.get(Settings))
        await connection.execute(
            "insert into isapi.data_state (id, data_as_of, published_on, earliest, run_id)"
            " values (true, $1, $2, (select min(effdt) from isapi.job), $3) on conflict (id) do update"
            " set data_as_of = excluded.data_as_of, published_on = excluded.published_on,"
            " earliest = excluded.earliest, run_id = excluded.run_id",
            clock,
            today,
            record.id,
        )
    for view, made in changes.items():
        counts[view] = attrs.evolve(counts[view], **attrs.asdict(made))


async def roll_over(ctx: Context) -> bool:
    """Publish what the records say of today; False where that is already so. Time changes data without any change."""
    async with alone(ctx) as connection, connection.transaction():
        rolled = await _catch_up(connection, company_date(ctx.now()))
        if rolled:
            await ctx.db.notify("synced", connection=connection)
    return rolled


async def _catch_up(connection: asyncpg.Connection, today: date) -> bool:
    """Publish what the days since the last publication ended or began, so that no sync is blamed for it."""
    published_on = await connection.fetchval("select published_on from isapi.data_state")
    if published_on is None or published_on >= today:
        return False
    await publish(connection, today)
    await connection.execute("update isapi.data_state set published_on = $1", today)
    return True
