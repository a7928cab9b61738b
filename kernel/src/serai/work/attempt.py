"""One attempt at a task: its payload decoded, its handler called, and what the queue is to do then."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import attrs
import msgspec
from pgqueuer.errors import RetryRequested
from pgqueuer.models import Job as QueuedJob

from serai.declarations import Log, Task
from serai.telemetry import current
from serai.work.handling import Handling, Outcome, storable
from serai.work.queue_driver import ManagerDriver

STOPPED = Outcome("cancelled", "The plugin was stopped before the task ended.")
MOST_DEATHS = 3
"""A task during which so many processes died, one after another, is held: it may be what kills them."""

# Attempts that have begun since the last one whose end is known; what has failed so far.
_PAST = """
    select
        (select count(*) from serai.pgqueuer_log where job_id = $1 and status = 'picked' and id > coalesce(
            (select max(id) from serai.pgqueuer_log where job_id = $1 and status <> 'picked'), 0)) as begun,
        (select failures from serai.task_failure where task_id = $1) as failures
"""
_REMEMBER = """
    insert into serai.task_failure (task_id, failures, version, process_id, error, trace, lines)
    values ($1, 1, $2, $3, $4, $5, $6)
    on conflict (task_id) do update set failures = task_failure.failures + 1, failed_at = now(),
        version = excluded.version, process_id = excluded.process_id, error = excluded.error,
        trace = excluded.trace, lines = excluded.lines
"""
_FORGET = "delete from serai.task_failure where task_id = $1"


class Held(Exception):
    """Tells PgQueuer to hold the task: it is not tried again by itself."""


class Attempt(Handling):
    """An attempt in this process; the handler gets it as its `serai.TaskRun`."""

    payload: Any

    def __init__(self, plugin: str, task: Task[Any], queued: QueuedJob) -> None:
        super().__init__(plugin, task.name, current.task_id, queued.id, task.timeout)
        self.id: int = queued.id
        self.attempt = 1
        self._task = task
        self._content = queued.payload

    async def work(self, ctx: Any, past: dict[str, Any]) -> Outcome:
        """Call the handler, unless the payload does not fit or the task has killed too many processes."""
        self.attempt += past["failures"] or 0
        if past["begun"] > MOST_DEATHS:
            return Outcome("lost", f"{MOST_DEATHS} processes died while they worked on it.")
        try:
            self.payload = msgspec.json.decode(self._content or b"", type=self._task.payload)
        except msgspec.MsgspecError as error:
            place = str(error).rpartition(" - at ")[2] if " - at " in str(error) else "its beginning"
            name = self._task.payload.__name__
            return Outcome("unreadable", f"Its payload is no {name} of this version of the plugin: see {place}.")
        return await self.call(self._task.handler, ctx)

    @property
    def lines(self) -> list[str]:
        """What it has logged."""
        return [storable(line) or "" for line in self._lines]


@attrs.frozen(kw_only=True)
class Worker:
    """What the attempts of one plugin in this process have in common."""

    plugin: str
    version: str
    process_id: str
    ctx: Any
    driver: ManagerDriver
    log: Log
    attempts: set[Attempt] = attrs.field(factory=set)
    """Those that go on."""

    async def attempt(self, task: Task[Any], queued: QueuedJob) -> None:
        """Work on a task. Returns where it has succeeded, and else raises what PgQueuer is to do with it.

        What is raised holds no text of the error: PgQueuer keeps it.
        """
        (past,) = await self.driver.fetch(_PAST, queued.id)
        attempt = Attempt(self.plugin, task, queued)
        self.attempts.add(attempt)
        try:
            outcome = await attempt.work(self.ctx, past)
        finally:
            self.attempts.discard(attempt)
        if outcome.state == "succeeded":
            if past["failures"]:
                await self.driver.execute(_FORGET, queued.id)
        elif outcome.state == "cancelled":
            raise RetryRequested(timedelta(0), "stopped")
        else:
            await self._failed(task, attempt, outcome)

    async def _failed(self, task: Task[Any], attempt: Attempt, outcome: Outcome) -> None:
        await self.driver.execute(
            _REMEMBER,
            attempt.id,
            self.version,
            self.process_id,
            storable(outcome.error),
            storable(outcome.trace),
            attempt.lines,
        )
        again = outcome.state in {"failed", "timeout"} and attempt.attempt <= len(task.retry.delays)
        delay = task.retry.delays[attempt.attempt - 1] * random.uniform(0.75, 1.25) if again else None
        self.log.warning(
            "a task failed" if again else "a task is held",
            plugin=self.plugin,
            task=f"{task.name} {attempt.id}",
            attempt=attempt.attempt,
            error=outcome.error,
            again_in=None if delay is None else round(delay, 1),
        )
        if delay is None:
            raise Held
        raise RetryRequested(timedelta(seconds=delay), outcome.state)
