"""`PluginQueue`: how a plugin puts work in the queue (`ctx.queue`)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from pgqueuer.adapters.persistence.qb import QueryQueueBuilder
from sqlalchemy.ext.asyncio import AsyncConnection

from serai.context import Database
from serai.declarations import Task
from serai.errors import PluginError
from serai.work.queue_driver import NAMES

if TYPE_CHECKING:
    import asyncpg
    from msgspec import Struct

P = TypeVar("P", bound="Struct")

_PUT = QueryQueueBuilder(settings=NAMES).build_enqueue_query("skip")


def entrypoint(plugin: str, task: str) -> str:
    """The name under which PgQueuer knows a task: `outage.deliver`."""
    return f"{plugin}.{task}"


class PluginQueue:
    """The queue as one plugin sees it. `database` is the kernel's own (schema `serai`)."""

    def __init__(self, plugin: str, tasks: Sequence[Task[Any]], database: Database) -> None:
        self._plugin = plugin
        self._tasks = tuple(tasks)
        self._database = database

    async def put(
        self,
        task: Task[P],
        payload: P,
        *,
        connection: AsyncConnection | asyncpg.Connection | None = None,
        dedupe_key: str | None = None,
        delay: float = 0.0,
    ) -> int | None:
        """Put work in the queue: `serai.Queue.put`."""
        if not any(task is known for known in self._tasks):
            raise PluginError(
                f"{self._plugin} puts {task.name} in the queue, which it does not declare",
                hint="Return the task from register_jobs().",
            )
        if not isinstance(payload, task.payload):
            expected = task.payload.__name__
            raise TypeError(f"the task {task.name} takes {expected}, not {type(payload).__name__}")
        name = entrypoint(self._plugin, task.name)
        values = (
            [0],
            [name],
            [msgspec.json.encode(payload)],
            [timedelta(seconds=delay)],
            [None if dedupe_key is None else f"{name} {dedupe_key}"],
            [None],
        )
        if isinstance(connection, AsyncConnection):  # through SQLAlchemy: its transaction begins with a statement
            rows = (await connection.exec_driver_sql(_PUT, values)).mappings().all()
        elif connection is not None:
            rows = await connection.fetch(_PUT, *values)
        else:
            async with self._database.raw() as own:
                rows = await own.fetch(_PUT, *values)
        return int(rows[0]["id"]) if rows else None
