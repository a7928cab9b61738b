"""Runs in the database: who may run what, who still lives, and what became of it.

Two unique indexes decide. One row a (plugin, job, tick, attempt): a tick runs once in the cluster. One row a
(plugin, job) that is started and not finished: a job never overlaps itself. The database's clock alone times leases.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

import attrs
from sqlalchemy import Exists, Interval, and_, bindparam, delete, exists, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from serai.context import Database
from serai.work.handling import Outcome, storable
from serai.work.tables import job, job_run

KEPT = 200
"""Finished runs kept of each job."""
ATTEMPTS = 3
"""How often a run of a job with `rerun=True` is tried that never comes to its end."""
INTERRUPTED = ("lost", "cancelled")
"""States of runs that were cut off from outside."""


@attrs.frozen(kw_only=True)
class Claim:
    """A run that this process may, and must, run now."""

    id: int
    tick: datetime
    cause: str
    requested_by: str | None


class Refusal(Enum):
    """Why a tick may not be run here and now."""

    TAKEN = "the tick was run, or is not to be: the job is paused"
    BUSY = "the run before it has not finished"


@attrs.frozen(kw_only=True)
class Report:
    """What a run has said so far."""

    id: int
    note: str | None
    done: int | None
    total: int | None
    lines: Sequence[str]


class Runs:
    """The runs of all jobs, as the process `process_id` reads and writes them."""

    def __init__(self, database: Database, process_id: str, lease: timedelta) -> None:
        self._database = database
        self._process_id = process_id
        self._lease_until = func.now() + literal(lease, Interval)

    async def claim_tick(self, plugin: str, name: str, version: str, tick: datetime, cause: str) -> Claim | Refusal:
        """Take the tick if no process has it, the job is not paused and no run of it goes on."""
        wanted = select(
            literal(plugin), literal(name), literal(tick), literal(cause), *self._started(version).values()
        ).where(_unpaused(plugin, name))
        columns = ["plugin", "job", "tick", "cause", *self._started(version)]
        claim = upsert(job_run).from_select(columns, wanted).on_conflict_do_nothing().returning(*_CLAIM)
        async with self._database.begin() as connection:
            if row := (await connection.execute(claim)).mappings().first():
                return Claim(**row)
            taken = exists().where(job_run.c.plugin == plugin, job_run.c.job == name, job_run.c.tick == tick)
            done_with = await connection.scalar(select(or_(taken, ~_unpaused(plugin, name))))
        return Refusal.TAKEN if done_with else Refusal.BUSY

    async def waiting(self, plugins: Collection[str]) -> list[tuple[str, str]]:
        """Plugin and name of the jobs that somebody asked to run, of these plugins."""
        query = select(job_run.c.plugin, job_run.c.job).where(job_run.c.started_at.is_(None))
        async with self._database.connect() as connection:
            rows = await connection.execute(query.where(job_run.c.plugin.in_(plugins)))
            return [(row.plugin, row.job) for row in rows]

    async def claim_waiting(self, plugin: str, name: str, version: str) -> Claim | None:
        """Take the run that waits, unless another process was faster, a run goes on, or the job is paused.

        Pausing stops what the clock or a lost run asks for, not what a person asks for.
        """
        running = job_run.alias()
        busy = exists().where(
            running.c.plugin == plugin,
            running.c.job == name,
            running.c.started_at.is_not(None),
            running.c.finished_at.is_(None),
        )
        claim = (
            update(job_run)
            .where(job_run.c.plugin == plugin, job_run.c.job == name, job_run.c.started_at.is_(None), ~busy)
            .where(or_(job_run.c.cause == "manual", _unpaused(plugin, name)))
            .values(self._started(version))
            .returning(*_CLAIM)
        )
        try:
            async with self._database.begin() as connection:
                row = (await connection.execute(claim)).mappings().first()
        except IntegrityError:  # another process began a run of the job at this very moment
            return None
        return Claim(**row) if row else None

    async def renew(self, reports: Sequence[Report]) -> set[int]:
        """Keep the leases of these runs and what they said; the ids of those that are still this process's."""
        if not reports:
            return set()
        kept = (
            update(job_run)
            .where(job_run.c.id == bindparam("run"), *self._mine())
            .values(lease_until=self._lease_until)
            .returning(job_run.c.id)
        )
        async with self._database.begin() as connection:
            answers = [
                await connection.scalar(kept.values(_said(report)), {"run": report.id})
                for report in sorted(reports, key=lambda report: report.id)
            ]
        return {answer for answer in answers if answer is not None}

    async def finish(self, report: Report, outcome: Outcome) -> bool:
        """Record how a run ended; False where it has been given up as lost meanwhile."""
        ended = (
            update(job_run)
            .where(job_run.c.id == report.id, *self._mine())
            .values(
                state=outcome.state,
                finished_at=func.now(),
                error=storable(outcome.error),
                trace=storable(outcome.trace),
                **_said(report),
            )
            .returning(*_ENDED)
        )
        async with self._database.begin() as connection:
            row = (await connection.execute(ended)).first()
            if row is None:
                return False
            if outcome.state in INTERRUPTED:
                await _run_again(connection, row)
            await _prune(connection, row.plugin, row.job)
        return True

    async def expire(self) -> list[int]:
        """Give up the runs whose process has not renewed its lease; their ids."""
        lost = (
            update(job_run)
            .where(_RUNNING, job_run.c.lease_until < func.now())
            .values(
                state="lost",
                finished_at=func.now(),
                error="Its process died or could not reach the database for longer than the lease.",
            )
            .returning(*_ENDED)
        )
        async with self._database.begin() as connection:
            rows = (await connection.execute(lost)).all()
            for row in rows:
                await _run_again(connection, row)
        return [row.id for row in rows]

    def _started(self, version: str) -> dict[str, Any]:
        return {
            "state": literal("running"),
            "version": literal(version),
            "process_id": literal(self._process_id),
            "started_at": func.now(),
            "lease_until": self._lease_until,
        }

    def _mine(self) -> tuple[Any, ...]:
        return job_run.c.process_id == self._process_id, job_run.c.finished_at.is_(None)


_RUNNING = and_(job_run.c.started_at.is_not(None), job_run.c.finished_at.is_(None))
_CLAIM = (job_run.c.id, job_run.c.tick, job_run.c.cause, job_run.c.requested_by)
_ENDED = (job_run.c.id, job_run.c.plugin, job_run.c.job, job_run.c.tick, job_run.c.attempt)


def _unpaused(plugin: str, name: str) -> Exists:
    return exists().where(job.c.plugin == plugin, job.c.name == name, ~job.c.paused)


async def _run_again(connection: AsyncConnection, ended: Any) -> None:
    """Let the run wait for another attempt, where its job allows that."""
    again = select(
        *(literal(value) for value in (ended.plugin, ended.job, ended.tick, ended.attempt + 1, "rerun", "waiting"))
    ).where(
        exists().where(job.c.plugin == ended.plugin, job.c.name == ended.job, job.c.rerun, job.c.retired_at.is_(None)),
        literal(ended.attempt) < ATTEMPTS,
    )
    columns = ["plugin", "job", "tick", "attempt", "cause", "state"]
    await connection.execute(upsert(job_run).from_select(columns, again).on_conflict_do_nothing())


async def _prune(connection: AsyncConnection, plugin: str, name: str) -> None:
    of_job = and_(job_run.c.plugin == plugin, job_run.c.job == name, job_run.c.finished_at.is_not(None))
    oldest = select(job_run.c.id).where(of_job).order_by(job_run.c.id.desc()).offset(KEPT).limit(1).scalar_subquery()
    await connection.execute(delete(job_run).where(of_job, job_run.c.id <= oldest))


def _said(report: Report) -> dict[str, Any]:
    return {
        "note": storable(report.note),
        "done": report.done,
        "total": report.total,
        "lines": [storable(line) for line in report.lines],
    }
