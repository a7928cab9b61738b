"""What people see of the queue and may ask of it: for the command line and the pages. Needs no plugin's code."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import attrs
from sqlalchemy import text

from serai.context import Database
from serai.errors import NotFound
from serai.work.queue_names import CHANNEL, news


@attrs.frozen(kw_only=True)
class TaskSummary:
    """How many tasks of one kind there are: `waiting` (`failing` of them after failures), `running`, `held`."""

    task: str
    waiting: int
    failing: int
    running: int
    held: int
    oldest: datetime
    """When the oldest of them was put in the queue."""


@attrs.frozen(kw_only=True)
class FailedTask:
    """A task that has failed. `state` is `held`, or `waiting` or `running` where it is tried again."""

    id: int
    task: str
    state: str
    put_at: datetime
    failures: int
    failed_at: datetime
    next_at: datetime | None
    version: str
    process_id: str
    error: str | None


@attrs.frozen(kw_only=True)
class FailedTaskDetail(FailedTask):
    """A failed task with the log lines of its last attempt, and the trace, which is for people on the host only."""

    lines: list[str]
    trace: str | None


_SUMMARIES = text("""
    select
        q.entrypoint as task,
        count(*) filter (where q.status = 'queued') as waiting,
        count(f.task_id) filter (where q.status = 'queued') as failing,
        count(*) filter (where q.status = 'picked') as running,
        count(*) filter (where q.status = 'failed') as held,
        min(q.created) as oldest
    from serai.pgqueuer q left join serai.task_failure f on f.task_id = q.id
    group by q.entrypoint order by q.entrypoint
""")

_FAILED = """
    select
        q.id, q.entrypoint as task, q.created as put_at, f.failures, f.failed_at, f.version, f.process_id, f.error,
        case q.status when 'failed' then 'held' when 'picked' then 'running' else 'waiting' end as state,
        case q.status when 'queued' then q.execute_after end as next_at
"""
_FROM = " from serai.pgqueuer q join serai.task_failure f on f.task_id = q.id"

# The key is given up: the same work may have been put in the queue again meanwhile.
_RETRY = text("""
    with again as (
        update serai.pgqueuer
        set status = 'queued', execute_after = now(), updated = now(), attempts = 0, dedupe_key = null
        where status = 'failed' and (id = :id or :id is null)
        returning id, entrypoint, priority
    ), logged as (
        insert into serai.pgqueuer_log (job_id, status, entrypoint, priority)
        select id, 'queued', entrypoint, priority from again
    )
    update serai.task_failure f set failures = 0 from again where f.task_id = again.id returning f.task_id
""")
_DROP = text("""
    with dropped as (
        delete from serai.pgqueuer where status = 'failed' and id = :id returning id
    ), forgotten as (
        delete from serai.task_failure f using dropped where f.task_id = dropped.id
    )
    select id from dropped
""")


async def summaries(database: Database) -> list[TaskSummary]:
    """What is in the queue, a line for each task of each plugin."""
    async with database.connect() as connection:
        return [TaskSummary(**row) for row in (await connection.execute(_SUMMARIES)).mappings()]


async def failed(database: Database, limit: int = 100) -> list[FailedTask]:
    """The tasks that have failed and not succeeded since, those held first, then the newest failures."""
    query = text(f"{_FAILED} {_FROM} order by q.status = 'failed' desc, f.failed_at desc limit :limit")
    async with database.connect() as connection:
        return [FailedTask(**row) for row in (await connection.execute(query, {"limit": limit})).mappings()]


async def failed_task(database: Database, task_id: int) -> FailedTaskDetail:
    """One failed task with what it has logged. Raises `NotFound`."""
    query = text(f"{_FAILED}, f.lines, f.trace {_FROM} where q.id = :id")
    async with database.connect() as connection:
        row = (await connection.execute(query, {"id": task_id})).mappings().first()
    if row is None:
        raise _missing(task_id)
    return FailedTaskDetail(**row)


async def retry(database: Database, task_id: int | None) -> list[int]:
    """Put a held task back in the queue, or all of them for None; their ids. Raises `NotFound` where it is not held."""
    return await _change(database, _RETRY, task_id)


async def drop(database: Database, task_id: int) -> None:
    """Take a held task out of the queue for ever. Raises `NotFound` where it is not held."""
    await _change(database, _DROP, task_id)


async def _change(database: Database, statement: Any, task_id: int | None) -> list[int]:
    async with database.begin() as connection:
        changed = list((await connection.scalars(statement, {"id": task_id})).all())
        await database.notify(CHANNEL, news(), connection=connection)
    if task_id is not None and not changed:
        raise _missing(task_id)
    return changed


def _missing(task_id: int) -> NotFound:
    return NotFound(f"No task {task_id} is held", hint="`serai queue` lists those that are")
