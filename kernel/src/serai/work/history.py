"""What people see of jobs and may ask of them: for the command line and the pages. Needs no plugin's code."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import attrs
from sqlalchemy import Select, func, select, update
from sqlalchemy.dialects.postgresql import distinct_on, insert

from serai.context import Database
from serai.errors import NotFound
from serai.work.schedule import Schedule
from serai.work.tables import job, job_run


@attrs.frozen(kw_only=True)
class RunSummary:
    """One run. `state` is `waiting`, `running`, `succeeded`, `failed`, `timeout`, `cancelled` or `lost`."""

    id: int
    plugin: str
    job: str
    tick: datetime
    attempt: int
    cause: str
    requested_by: str | None
    state: str
    version: str | None
    process_id: str | None
    started_at: datetime | None
    finished_at: datetime | None
    error: str | None
    note: str | None
    done: int | None
    total: int | None


@attrs.frozen(kw_only=True)
class RunDetail(RunSummary):
    """One run with its log lines, and the trace of its error, which is for people on the host only."""

    lines: list[str]
    trace: str | None


@attrs.frozen(kw_only=True)
class JobSummary:
    """One job, and its last run. `next_due` is None while it is paused; `switched_*` tell who paused or resumed it."""

    plugin: str
    name: str
    title: str
    schedule: str
    zone: str
    version: str
    paused: bool
    switched_at: datetime | None
    switched_by: str | None
    next_due: datetime | None
    last_run: RunSummary | None


_SUMMARY: Select[Any] = select(*(job_run.c[field.name] for field in attrs.fields(RunSummary)))
_DETAIL: Select[Any] = select(*(job_run.c[field.name] for field in attrs.fields(RunDetail)))


async def list_jobs(database: Database) -> list[JobSummary]:
    """Every job that a plugin declares, in order of plugin and name."""
    of_one_job = (job_run.c.plugin, job_run.c.job)
    last = _SUMMARY.ext(distinct_on(*of_one_job)).order_by(*of_one_job, job_run.c.id.desc())
    declared = select(job).where(job.c.retired_at.is_(None)).order_by(job.c.plugin, job.c.name)
    async with database.connect() as connection:
        runs = {(row.plugin, row.job): RunSummary(**row) for row in (await connection.execute(last)).mappings()}
        rows = (await connection.execute(declared)).all()
    now = datetime.now(UTC)
    return [_job_summary(row, runs.get((row.plugin, row.name)), now) for row in rows]


async def list_runs(database: Database, plugin: str, name: str, limit: int = 20) -> list[RunSummary]:
    """The last runs of a job, newest first."""
    await _declared(database, plugin, name)
    query = _SUMMARY.where(job_run.c.plugin == plugin, job_run.c.job == name)
    async with database.connect() as connection:
        rows = await connection.execute(query.order_by(job_run.c.id.desc()).limit(limit))
        return [RunSummary(**row) for row in rows.mappings()]


async def run(database: Database, run_id: int) -> RunDetail:
    """One run with its log lines. Raises `NotFound`."""
    async with database.connect() as connection:
        row = (await connection.execute(_DETAIL.where(job_run.c.id == run_id))).mappings().first()
    if row is None:
        raise NotFound(f"There is no run {run_id}", hint="old runs are forgotten: the newest of each job are kept")
    return RunDetail(**row)


async def request_run(database: Database, plugin: str, name: str, who: str) -> int:
    """Ask for a run at once; any process that runs the plugin takes it. The run's id.

    Where one is waiting already its id is returned: asking twice runs once. Raises `NotFound`.
    """
    await _declared(database, plugin, name)
    wanted = insert(job_run).values(
        plugin=plugin, job=name, tick=func.clock_timestamp(), cause="manual", requested_by=who, state="waiting"
    )
    waits = select(job_run.c.id).where(
        job_run.c.plugin == plugin, job_run.c.job == name, job_run.c.started_at.is_(None)
    )
    run_id = None
    while run_id is None:  # the one that waited may begin between the two statements
        async with database.begin() as connection:
            run_id = await connection.scalar(wanted.on_conflict_do_nothing().returning(job_run.c.id))
            await database.notify("jobs", f"{plugin}.{name}", connection=connection)
            if run_id is None:
                run_id = await connection.scalar(waits)
    return int(run_id)


async def pause(database: Database, plugin: str, name: str, who: str) -> None:
    """Let no tick start a run until `resume`; a run that goes on goes on. Raises `NotFound`."""
    await _switch(database, plugin, name, who, {"paused": True})


async def resume(database: Database, plugin: str, name: str, who: str) -> None:
    """Let ticks start runs again; those that passed meanwhile are not caught up. Raises `NotFound`."""
    await _switch(database, plugin, name, who, {"paused": False, "since": func.now()})


def _job_summary(row: Any, last_run: RunSummary | None, now: datetime) -> JobSummary:
    return JobSummary(
        plugin=row.plugin,
        name=row.name,
        title=row.title,
        schedule=row.schedule,
        zone=row.zone,
        version=row.version,
        paused=row.paused,
        switched_at=row.switched_at,
        switched_by=row.switched_by,
        next_due=None if row.paused else Schedule(row.schedule, row.zone).next_after(now),
        last_run=last_run,
    )


async def _declared(database: Database, plugin: str, name: str) -> None:
    query = select(job.c.plugin, job.c.name).where(job.c.retired_at.is_(None)).order_by(job.c.plugin, job.c.name)
    async with database.connect() as connection:
        known = [(row.plugin, row.name) for row in await connection.execute(query)]
    if (plugin, name) not in known:
        raise NotFound(f"There is no job {plugin}.{name}", hint="known: " + ", ".join(f"{p}.{n}" for p, n in known))


async def _switch(database: Database, plugin: str, name: str, who: str, values: dict[str, Any]) -> None:
    await _declared(database, plugin, name)
    change = update(job).where(job.c.plugin == plugin, job.c.name == name)
    async with database.begin() as connection:
        await connection.execute(change.values(switched_at=func.now(), switched_by=who, **values))
