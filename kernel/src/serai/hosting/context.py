"""The `Context` that a plugin receives, and what it holds on the plugin's behalf."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec import Struct

from serai.context import (
    Audit,
    Database,
    Devices,
    DeviceState,
    Feed,
    Fields,
    Http,
    Keys,
    Queue,
    Services,
)
from serai.declarations import Event, Log, Topic
from serai.errors import PluginError
from serai.hosting.states import Blocked, Code
from serai.telemetry import logs

if TYPE_CHECKING:
    import asyncpg
    from sqlalchemy.ext.asyncio import AsyncConnection

T = TypeVar("T")
P = TypeVar("P", bound=Struct)


class GuestDevices:
    """The deployment's devices, noting in `used` which of them this plugin asks for."""

    def __init__(self, plugin: str, devices: Devices, used: set[str]) -> None:
        self._plugin = plugin
        self._devices = devices
        self._used = used

    def get(self, protocol: type[T], name: str) -> T:
        self.state(name)
        return self._devices.get(protocol, name)

    async def wait_for(self, protocol: type[T], name: str, *, timeout: float) -> T:
        self.state(name)
        return await self._devices.wait_for(protocol, name, timeout=timeout)

    def state(self, name: str) -> DeviceState:
        try:
            state = self._devices.state(name)
        except PluginError as error:
            raise Blocked(
                Code.DEVICE_MISSING,
                f"{self._plugin} uses the device {name!r}: {error.sentence}",
                hint=error.hint or f"Add a table [devices.{name}] with a driver.",
            ) from None
        self._used.add(name)
        return state


class GuestFeed:
    """The feed for one plugin, which publishes what it declares and nothing else."""

    def __init__(self, plugin: str, feed: Feed, topics: Sequence[Topic[Any]]) -> None:
        self._plugin = plugin
        self._feed = feed
        self._topics = frozenset(topic.name for topic in topics)

    async def publish(
        self,
        topic: Topic[P],
        key: str,
        payload: P | None,
        *,
        connection: AsyncConnection | asyncpg.Connection | None = None,
    ) -> None:
        self._check(topic)
        await self._feed.publish(topic, key, payload, connection=connection)

    async def publish_many(
        self,
        topic: Topic[P],
        items: Iterable[tuple[str, P | None]],
        *,
        connection: AsyncConnection | asyncpg.Connection | None = None,
    ) -> None:
        self._check(topic)
        await self._feed.publish_many(topic, items, connection=connection)

    async def read(self, topics: Sequence[Topic[P]], *, after: int, limit: int = 100) -> list[Event[P]]:
        return await self._feed.read(topics, after=after, limit=limit)

    async def head(self) -> int:
        return await self._feed.head()

    async def oldest(self) -> int:
        return await self._feed.oldest()

    async def wait(self, after: int, timeout: float) -> bool:
        return await self._feed.wait(after, timeout)

    def _check(self, topic: Topic[Any]) -> None:
        if topic.name not in self._topics:
            raise PluginError(
                f"{self._plugin} publishes in {topic.name}, which it does not declare",
                hint="List the topic in PluginInfo.topics.",
            )


class GuestContext:
    """One start of one plugin; a restart gets a new one."""

    def __init__(
        self,
        name: str,
        *,
        database: Database,
        devices: Devices,
        queue: Queue,
        feed: Feed,
        keys: Keys,
        audit: Audit,
        http: Http,
        services: Services,
        fields: Fields,
        failed: Callable[[BaseException], None],
    ) -> None:
        self.name = name
        self.devices_used: set[str] = set()
        """Devices that the plugin has asked for: their health is its health."""
        self.log: Log = logs.get(name)
        self.db = database
        self.devices: Devices = GuestDevices(name, devices, self.devices_used)
        self.queue = queue
        self.http = http
        self.feed = feed
        self.keys = keys
        self.audit = audit
        self.services = services
        self.fields = fields
        self.stopping = asyncio.Event()
        self._failed = failed
        self._provided: dict[type[Any], Any] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def provide(self, key: type[T], value: T) -> None:
        self._provided[key] = value

    def get(self, key: type[T]) -> T:
        try:
            value: T = self._provided[key]
        except KeyError:
            raise PluginError(
                f"{self.name} has not provided {key.__name__}", hint="Call ctx.provide(...) in `lifespan`."
            ) from None
        return value

    def spawn(self, work: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=f"{self.name}:{name}")
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def end_tasks(self, timeout: float) -> list[str]:
        """Cancel what was spawned; the names of tasks that do not end within `timeout` seconds."""
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        if not tasks:
            return []
        _, stuck = await asyncio.wait(tasks, timeout=timeout)
        return sorted(task.get_name() for task in stuck)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed(error)
