"""Jobs in the database: what plugins declare, so that any process and the command line know of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import and_, case, delete, exists, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from serai.context import Database
from serai.declarations import Job
from serai.work.schedule import Schedule
from serai.work.tables import job, job_run

Planned = Mapping[str, tuple[Job, Schedule]]
"""Jobs with their schedules, by name."""


async def declare(
    database: Database, plugin: str, version: str, planned: Planned, now: datetime
) -> dict[str, datetime]:
    """Record the plugin's jobs; retire those that it declares no longer.

    Returns for each job the moment up to which its ticks are done with: later ones that have passed were missed.
    That is its last run by the clock, but never before the job, or its present schedule, was there.
    """
    async with database.begin() as connection:
        await connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"serai.job.{plugin}"))))
        for name, (declared, schedule) in planned.items():
            await _record(connection, plugin, version, name, declared, schedule, now)
            if declared.run_when_new:
                await _ask_when_new(connection, plugin, name)
        await _retire_others(connection, plugin, planned)
        by_clock = and_(
            job_run.c.plugin == job.c.plugin,
            job_run.c.job == job.c.name,
            job_run.c.cause.in_(("schedule", "catch-up")),
        )
        last = select(func.max(job_run.c.tick)).where(by_clock).correlate(job).scalar_subquery()
        reached = select(job.c.name, func.greatest(job.c.since, last).label("moment"))
        rows = await connection.execute(reached.where(job.c.plugin == plugin, job.c.retired_at.is_(None)))
        return {row.name: row.moment for row in rows}


async def _record(
    connection: AsyncConnection, plugin: str, version: str, name: str, declared: Job, schedule: Schedule, now: datetime
) -> None:
    values: dict[str, Any] = {
        "version": version,
        "title": declared.title,
        "schedule": schedule.expression,
        "zone": schedule.zone,
        "rerun": declared.rerun,
    }
    new = insert(job).values(plugin=plugin, name=name, since=now, **values)
    other = or_(job.c.retired_at.is_not(None), job.c.schedule != new.excluded.schedule, job.c.zone != new.excluded.zone)
    known = new.on_conflict_do_update(
        index_elements=[job.c.plugin, job.c.name],
        set_={**values, "since": case((other, new.excluded.since), else_=job.c.since), "retired_at": None},
    )
    await connection.execute(known)


async def _ask_when_new(connection: AsyncConnection, plugin: str, name: str) -> None:
    """Let a run wait where none of the job has succeeded yet, and none is under way."""
    enough = job_run.c.state.in_(("succeeded", "waiting", "running"))
    first = select(*(literal(value) for value in (plugin, name, "new", "waiting")), func.clock_timestamp()).where(
        ~exists().where(job_run.c.plugin == plugin, job_run.c.job == name, enough),
    )
    columns = ["plugin", "job", "cause", "state", "tick"]
    await connection.execute(insert(job_run).from_select(columns, first))


async def _retire_others(connection: AsyncConnection, plugin: str, planned: Planned) -> None:
    """Retire the jobs that are not planned; runs of theirs that wait will never begin."""
    gone = and_(job.c.plugin == plugin, job.c.name.not_in(planned), job.c.retired_at.is_(None))
    await connection.execute(update(job).where(gone).values(retired_at=func.now()))
    waiting = and_(job_run.c.plugin == plugin, job_run.c.job.not_in(planned), job_run.c.started_at.is_(None))
    await connection.execute(delete(job_run).where(waiting))
