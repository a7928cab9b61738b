"""PgQueuer on the kernel's own connections: its names in the schema `serai`, and its driver."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import asyncpg
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment, QueryQueueBuilder, QuerySchedulerBuilder
from pgqueuer.core.tm import TaskManager
from pgqueuer.domain.settings import DBSettings, Durability
from pgqueuer.domain.types import Channel
from pgqueuer.ports.driver import NotifyCallback
from pgqueuer.queries import Queries

from serai.context import Database
from serai.data.tables import SCHEMA
from serai.errors import Unavailable
from serai.work.queue_names import CHANNEL, FULL_CHANNEL, TABLE, news

T = TypeVar("T")

NAMES = DBSettings(
    # All of them are given: what is left out PgQueuer would read from the environment, some by names like CHANNEL.
    prefix="",
    db_schema=SCHEMA,
    channel=Channel(FULL_CHANNEL),
    function="fn_pgqueuer_changed",
    statistics_table="pgqueuer_statistics",
    queue_status_type="pgqueuer_status",
    queue_table=TABLE,
    queue_table_log="pgqueuer_log",
    trigger="tg_pgqueuer_changed",
    schedules_table="pgqueuer_schedules",
    durability=Durability.durable,
    widen_id=False,
)

_RETRY = QueryQueueBuilder(settings=NAMES).build_retry_job_query()

LONGEST_PAUSE = 5.0
"""Seconds after which the database is tried again while it is away."""


class Ears:
    """Passes what is heard on the queue's channel to every manager of this process, over the process's one listener."""

    def __init__(self, database: Database) -> None:
        self._callbacks: list[NotifyCallback] = []
        database.listen(CHANNEL, self._hear)

    def add(self, callback: NotifyCallback) -> None:
        self._callbacks.append(callback)

    def remove(self, callback: NotifyCallback) -> None:
        self._callbacks.remove(callback)

    def _hear(self, payload: str | None) -> None:
        for callback in list(self._callbacks):
            callback(news() if payload is None else payload)


class ManagerDriver:
    """The `pgqueuer.ports.driver.Driver` of one manager.

    While the database is away its statements wait, so that the manager goes on when it is back. After `close` nothing
    is written any more: what the manager still holds goes stale, and is run again.
    """

    def __init__(self, database: Database, ears: Ears) -> None:
        self._database = database
        self._ears = ears
        self._callbacks: list[NotifyCallback] = []
        self._closed = False
        self._shutdown = asyncio.Event()
        self._tasks = TaskManager()

    def close(self) -> None:
        """Refuse every statement from now on."""
        self._closed = True

    async def fetch(self, query: str, *args: object) -> list[dict[str, Any]]:
        """The rows that a statement returns."""
        return [dict(row) for row in await self._patiently(lambda connection: connection.fetch(query, *args))]

    async def execute(self, query: str, *args: object) -> str:
        """Run a statement; its command tag. Managers hear of work that came back: PgQueuer tells of new work only."""
        tag: str = await self._patiently(lambda connection: connection.execute(query, *args))
        if query == _RETRY:
            await self.notify(FULL_CHANNEL, news())
        return tag

    async def notify(self, channel: str, payload: str) -> None:
        """NOTIFY on the channel of that full name."""
        await self.execute("select pg_notify($1, $2)", channel, payload)

    async def add_listener(self, channel: str, callback: NotifyCallback) -> None:
        """Have `callback` called for what is heard on the queue's channel, which is the only one."""
        self._callbacks.append(callback)
        self._ears.add(callback)

    @property
    def shutdown(self) -> asyncio.Event:
        """Never set: a manager is told itself."""
        return self._shutdown

    @property
    def tm(self) -> TaskManager:
        """Holds nothing: the driver has no tasks of its own."""
        return self._tasks

    async def __aenter__(self) -> ManagerDriver:
        return self

    async def __aexit__(self, *_: object) -> None:
        while self._callbacks:
            self._ears.remove(self._callbacks.pop())

    async def _patiently(self, work: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
        pause = 0.1
        while not self._closed:
            try:
                async with self._database.raw() as connection:
                    return await work(connection)
            except Unavailable:
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
        raise Unavailable("The plugin's part of the queue is closed.")


def queries(driver: ManagerDriver) -> Queries:
    """PgQueuer's statements, run by the driver."""
    return Queries(
        driver,
        qbe=QueryBuilderEnvironment(settings=NAMES),
        qbq=QueryQueueBuilder(settings=NAMES),
        qbs=QuerySchedulerBuilder(settings=NAMES),
    )
