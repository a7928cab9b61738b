"""Runs the tasks of this process's plugins: one PgQueuer manager a plugin, so that each is drained on its own."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any

from pgqueuer.qm import QueueManager
from pgqueuer.types import Channel

from serai.context import Context, Database
from serai.declarations import Log, Task
from serai.errors import describe
from serai.work.attempt import STOPPED, Worker
from serai.work.queue import PluginQueue, entrypoint
from serai.work.queue_driver import NAMES, Ears, ManagerDriver, queries

BATCH = 5
"""Tasks that a manager takes at once."""
AT_ONCE = 10
"""Tasks of one plugin that one process works on at the same time."""
LET_GO = 5.0
"""Seconds that a cancelled handler has to end when its plugin stops."""
RECORD = 5.0
"""Seconds in which the ends of attempts are to be recorded when their plugin stops."""
PAUSE = 5.0
"""Seconds after which a manager that stumbled is started again."""
PRUNE_EVERY = 3600.0
KEEP_LOG = timedelta(days=3)

_PRUNE = """
    with old as (
        delete from serai.pgqueuer_log l where created < now() - $1::interval
        and not exists (select from serai.pgqueuer q where q.id = l.job_id)
    )
    delete from serai.task_failure f where not exists (select from serai.pgqueuer q where q.id = f.task_id)
"""


class _Crew:
    """One plugin's manager, kept going until it is drained."""

    def __init__(self, worker: Worker, tasks: Sequence[Task[Any]], lease: timedelta) -> None:
        self.worker = worker
        self._tasks = tasks
        self._lease = lease
        self._draining = asyncio.Event()
        self._manager = self._make()
        self._keeper = asyncio.create_task(self._keep(), name=f"{worker.plugin}: queue")

    async def drain(self, grace: float) -> None:
        """Take nothing more; what goes on ends within `grace` seconds or goes back to the queue."""
        self._draining.set()
        self._manager.shutdown.set()
        if await self._ends_within(grace):
            return
        for attempt in list(self.worker.attempts):
            attempt.interrupt(STOPPED)
        if not await self._ends_within(LET_GO):
            for attempt in list(self.worker.attempts):
                attempt.abandon()
            if not await self._ends_within(RECORD):  # the database is away: what was taken goes stale and is run again
                self.worker.driver.close()
                self._keeper.cancel()
        with suppress(asyncio.CancelledError):
            await self._keeper

    async def _ends_within(self, timeout: float) -> bool:
        done, _ = await asyncio.wait({self._keeper}, timeout=timeout)
        return bool(done)

    def _make(self) -> QueueManager:
        manager = QueueManager(queries(self.worker.driver), channel=Channel(NAMES.channel))
        for task in self._tasks:
            name = entrypoint(self.worker.plugin, task.name)
            manager.entrypoint(name, accepts_context=False, on_failure="hold")(partial(self.worker.attempt, task))
        return manager

    async def _keep(self) -> None:
        while not self._draining.is_set():
            try:
                await self._manager.run(
                    dequeue_timeout=self._lease
                    / 3,  # it hears of new work, but not of what a process that died has left
                    batch_size=BATCH,
                    max_concurrent_tasks=AT_ONCE,
                    heartbeat_timeout=self._lease,
                    log_aggregation_interval=timedelta(0),
                )
            except Exception as error:  # noqa: BLE001  # whatever it stumbles over, the queue goes on
                self.worker.log.warning("the queue stumbled", plugin=self.worker.plugin, error=describe(error))
                with suppress(TimeoutError):
                    async with asyncio.timeout(PAUSE):
                        await self._draining.wait()
            if not self._draining.is_set():
                self._manager = self._make()


class TaskRunner:
    """The tasks of one process.

    `database` is the kernel's own (schema `serai`), `process_id` names this start of this process. `lease` is how many
    seconds a task stays with a process after its last sign of life.
    """

    def __init__(self, database: Database, process_id: str, log: Log, *, lease: float = 30.0) -> None:
        self._database = database
        self._process_id = process_id
        self._log = log
        self._lease = timedelta(seconds=lease)
        self._crews: dict[str, _Crew] = {}
        self._ears: Ears | None = None
        self._pruner: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to hear of work."""
        self._ears = Ears(self._database)
        self._pruner = asyncio.create_task(self._prune(), name="queue: prune")

    async def stop(self, grace: float) -> None:
        """Drain every plugin."""
        await asyncio.gather(*(self.remove(plugin, grace) for plugin in list(self._crews)))
        if self._pruner:
            self._pruner.cancel()
            await asyncio.wait({self._pruner})

    def queue_of(self, plugin: str, tasks: Sequence[Task[Any]]) -> PluginQueue:
        """The plugin's way into the queue."""
        return PluginQueue(plugin, tasks, self._database)

    def add(self, plugin: str, version: str, tasks: Sequence[Task[Any]], ctx: Context) -> None:
        """Work on the plugin's tasks from now on."""
        assert self._ears
        if not tasks:
            return
        worker = Worker(
            plugin=plugin,
            version=version,
            process_id=self._process_id,
            ctx=ctx,
            driver=ManagerDriver(self._database, self._ears),
            log=self._log,
        )
        self._crews[plugin] = _Crew(worker, tasks, self._lease)

    async def remove(self, plugin: str, grace: float) -> None:
        """Take no task of the plugin any more; those that go on have `grace` seconds, then go back to the queue."""
        crew = self._crews.pop(plugin, None)
        if crew:
            await crew.drain(grace)

    async def _prune(self) -> None:
        while True:
            try:
                async with self._database.raw() as connection:
                    await connection.execute(_PRUNE, KEEP_LOG)
            except Exception as error:  # noqa: BLE001  # mostly the database is away; the next time will do
                self._log.warning("the queue's log could not be pruned", error=describe(error))
            await asyncio.sleep(PRUNE_EVERY)
