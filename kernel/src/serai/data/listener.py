"""One connection that hears every NOTIFY which this process waits for, and comes back when it is lost."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable

import asyncpg

Callback = Callable[[str | None], Awaitable[None] | None]

_log = logging.getLogger(__name__)

_PROBE_EVERY = 10.0
_PROBE_LIMIT = 5.0
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0
_LONGEST_BACKLOG = 1000
_CANCEL_AGAIN = 1.0


class Subscription:
    """One callback on one channel: called one payload after another, on its own, so that a slow one delays no other.

    When it falls 1,000 payloads behind they are dropped for one None: read again.
    """

    def __init__(self, channel: str, callback: Callback) -> None:
        self.channel = channel
        self._callback = callback
        self._backlog: asyncio.Queue[str | None] = asyncio.Queue()
        self._task = asyncio.create_task(self._run(), name=f"listen {channel}")

    def put(self, payload: str | None) -> None:
        """Hand over a payload, or None where some may have been missed."""
        if payload is None or self._backlog.qsize() >= _LONGEST_BACKLOG:
            while not self._backlog.empty():
                self._backlog.get_nowait()
            payload = None
        self._backlog.put_nowait(payload)

    async def close(self) -> None:
        """End a call that is under way, and make no other."""
        await _end(self._task)

    async def _run(self) -> None:
        while True:
            payload = await self._backlog.get()
            try:
                answer = self._callback(payload)
                if inspect.isawaitable(answer):
                    await answer
            except Exception:  # noqa: BLE001 - a plugin's code: whatever it raises, the next payload is its own
                _log.exception("The callback on the channel %s failed.", self.channel)


class Listener:
    """Keeps one connection on LISTEN. `connect` opens it; a lost one is opened again, after 0.1 s to 5 s.

    A connection that died without a word is found by a probe within 15 s.
    """

    def __init__(self, connect: Callable[[], Awaitable[asyncpg.Connection]]) -> None:
        self._connect = connect
        self._subscriptions: defaultdict[str, list[Subscription]] = defaultdict(list)
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="database listener")

    async def close(self) -> None:
        if self._task is not None:
            await _end(self._task)
        for channel in list(self._subscriptions):
            for subscription in list(self._subscriptions[channel]):
                await self.unsubscribe(subscription)

    def subscribe(self, channel: str, callback: Callback) -> Subscription:
        """Have `callback` called from now on; first with None, as soon as the channel is heard."""
        subscription = Subscription(channel, callback)
        self._subscriptions[channel].append(subscription)
        self._changed.set()
        return subscription

    async def unsubscribe(self, subscription: Subscription) -> None:
        others = self._subscriptions[subscription.channel]
        others.remove(subscription)
        if not others:
            del self._subscriptions[subscription.channel]
            self._changed.set()
        await subscription.close()

    async def _run(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            with contextlib.suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                connection = await self._connect()
                pause = _FIRST_PAUSE
                try:
                    await self._hear(connection)
                finally:
                    connection.terminate()
            _log.warning("The database connection that hears notifications is lost; trying again.")
            await asyncio.sleep(pause * random.uniform(0.5, 1))
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _hear(self, connection: asyncpg.Connection) -> None:
        """Listen until the connection is lost."""
        connection.add_termination_listener(lambda _: self._changed.set())
        heard: dict[str, list[Subscription]] = {}
        while not connection.is_closed():
            self._changed.clear()
            wanted = {channel: list(subscriptions) for channel, subscriptions in self._subscriptions.items()}
            for channel in wanted.keys() - heard.keys():
                await connection.add_listener(channel, self._dispatch)
            for channel in heard.keys() - wanted.keys():
                await connection.remove_listener(channel, self._dispatch)
            for channel, subscriptions in wanted.items():
                for subscription in subscriptions:
                    if subscription not in heard.get(channel, ()):
                        subscription.put(None)
            heard = wanted
            try:
                await asyncio.wait_for(self._changed.wait(), _PROBE_EVERY)
            except TimeoutError:
                await connection.fetchval("select 1", timeout=_PROBE_LIMIT)

    def _dispatch(self, _connection: object, _pid: int, channel: str, payload: object) -> None:
        for subscription in self._subscriptions.get(channel, ()):
            subscription.put(str(payload))


async def _end(task: asyncio.Task[None]) -> None:
    """Cancel a task until it ends: Python 3.11 loses a cancellation that meets the end of what the task waits for."""
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=_CANCEL_AGAIN)
