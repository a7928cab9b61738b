"""Synchronisations from their beginning to their end, one at a time in the whole deployment; and the daily roll-over.

queued -> extracting -> validating -> applying -> done; any of them -> failed. A run that is not believed is tried all
the same, rolled back, and held; a person may approve it (approved -> applying -> done) or reject it, until a later run
has ended: then it is superseded. Held and failed runs leave the last good data as it is. The same reading twice changes
nothing the second time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import asyncpg

from serai import Context, SeraiError
from serai_isapi import staging, watermarks
from serai_isapi.attempt import Attempt, Progress, catch_up, summary
from serai_isapi.changes import tell
from serai_isapi.guards import Held
from serai_isapi.runs import RunRecord
from serai_isapi.settings import Settings, company_date

LOCK = (
    "set statement_timeout = 0",  # other runs are waited for, and so are long statements: the job has its own limit
    "set jit = off",  # compiling the long statements takes longer than running them
    "select pg_advisory_lock(hashtextextended('isapi.sync', 0))",
)
UNLOCK = ("reset statement_timeout", "reset jit", "select pg_advisory_unlock(hashtextextended('isapi.sync', 0))")


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


async def synchronise(ctx: Context, progress: Progress, *, full: bool = False) -> None:
    """Read what changed in the source, or all of it, and make it ours; `progress` hears in words how far it is.

    All is read where `full` says so, and the first time. Returns also when the run is held: that is an outcome that
    `health` reports. Raises what made the run fail.
    """
    await apply_approved(ctx, progress)
    marks = None if full else await watermarks.read(ctx.db, ctx.get(Settings).source)
    record = await RunRecord.open(ctx.db, "full" if marks is None else "increment", ctx.now())
    async with _recorded(ctx, record, progress) as counts, alone(ctx) as connection:
        await record.close_older(ctx.now())
        async with _staging(connection):
            await Attempt(ctx, connection, record, progress, counts).read(marks)


async def apply_approved(ctx: Context, progress: Progress) -> None:
    """Apply what a held run had staged, where somebody approved it and no later run has ended since."""
    async with alone(ctx) as connection:
        run = await connection.fetchrow(
            "select id, kind, data_as_of, counts from isapi.sync_run where state = 'approved' order by id desc limit 1"
        )
        if run is None:
            return
        record = RunRecord(ctx.db, run["id"])
        async with _recorded(ctx, record, progress, staging.counts_of(run["counts"])) as counts, _staging(connection):
            await Attempt(ctx, connection, record, progress, counts).approve(
                run["data_as_of"], full=run["kind"] == "full"
            )


@asynccontextmanager
async def _staging(connection: asyncpg.Connection) -> AsyncIterator[None]:
    try:
        await staging.prepare(connection)
        yield
    finally:
        with _gone_with_the_connection():
            await staging.discard(connection)


@asynccontextmanager
async def _recorded(
    ctx: Context, record: RunRecord, progress: Progress, counts: dict[str, staging.Counts] | None = None
) -> AsyncIterator[dict[str, staging.Counts]]:
    """Record how the run ends; what made it fail is raised on."""
    counts = staging.no_counts() if counts is None else counts
    try:
        yield counts
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
        progress(summary(counts))


async def roll_over(ctx: Context) -> bool:
    """Publish what the records say of today; whether that changed anything. Time changes data without any change."""
    async with alone(ctx) as connection, connection.transaction():
        published = await catch_up(connection, company_date(ctx.now()))
        await tell(ctx.feed, connection, published)
        if published:
            await ctx.db.notify("synced", connection=connection)
    return bool(published)
