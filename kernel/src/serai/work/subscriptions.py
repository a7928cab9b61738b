"""Runs the subscriptions of this process's plugins: each event at least once, in order per key, in one process."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Sequence
from typing import Any

from serai.context import Context, Database
from serai.declarations import Event, Log, Subscription
from serai.errors import describe
from serai.telemetry import current, failures
from serai.work.feed import Feed, Gone
from serai.work.letters import Letters, declare

LOOK_EVERY = 5.0
"""Seconds after which letters that became due, a subscription whose process died, or the database, are looked for."""
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 3600.0
"""Seconds before a failed event is tried again: doubled each time."""
PORTION = 100
LET_GO = 5.0
"""Seconds that a cancelled handler has to end when its plugin stops."""


class Subscriptions:
    """The subscriptions of one process. `database` is the kernel's own, `process_id` names this start of it."""

    def __init__(self, database: Database, feed: Feed, process_id: str, log: Log) -> None:
        self._database = database
        self._feed = feed
        self._process_id = process_id
        self._log = log
        self._running: dict[str, list[Subscriber]] = {}

    async def add(self, plugin: str, subscriptions: Sequence[Subscription], ctx: Context) -> None:
        """Record the plugin's subscriptions and deliver to them from now on."""
        await declare(self._database, plugin, subscriptions)
        self._running[plugin] = [
            Subscriber(plugin, one, ctx, self._feed, Letters(self._database, self._process_id, plugin, one), self._log)
            for one in subscriptions
        ]

    async def remove(self, plugin: str, grace: float) -> None:
        """Deliver nothing to the plugin any more; handlers that run have `grace` seconds to end."""
        await asyncio.gather(*(subscriber.stop(grace) for subscriber in self._running.pop(plugin, ())))


class Subscriber:
    """One subscription in this process: delivers while it holds the lease."""

    def __init__(
        self, plugin: str, subscription: Subscription, ctx: Context, feed: Feed, letters: Letters, log: Log
    ) -> None:
        self._plugin = plugin
        self._subscription = subscription
        self._ctx = ctx
        self._feed = feed
        self._letters = letters
        self._log = log
        self._said = {"plugin": plugin, "subscription": subscription.name}
        self._stopping = asyncio.Event()
        self._task = asyncio.create_task(self._run(), name=f"subscription {plugin}.{subscription.name}")

    async def stop(self, grace: float) -> None:
        """End after the event that is being handled; cancel its handler after `grace` seconds."""
        self._stopping.set()
        _, late = await asyncio.wait({self._task}, timeout=grace)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=LET_GO)

    async def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                try:
                    after = await self._turn()
                except Exception as error:  # noqa: BLE001  # mostly the database is away
                    self._log.warning("events could not be delivered", **self._said, error=describe(error))
                    after = None
                if not self._stopping.is_set():
                    await self._pause(after)
        finally:
            try:
                async with asyncio.timeout(LET_GO):
                    await self._letters.release()
            except Exception as error:  # noqa: BLE001  # mostly the database is away; the lease runs out
                self._log.warning("a subscription could not be given up", **self._said, error=describe(error))

    async def _turn(self) -> int | None:
        """Deliver what there is; the position that was reached, None where another process delivers."""
        position = await self._letters.take()
        if position is None:
            return None
        waiting = await self._try_letters(position)
        if waiting is None:
            return None
        while not self._stopping.is_set():
            try:
                portion = await self._feed.portion(self._subscription.topics, after=position, limit=PORTION)
            except Gone as gone:
                position = await self._feed.oldest()
                self._log.error("events were missed: they are no longer kept", **self._said, error=gone.sentence)
                continue
            for event in portion.events:
                await self._deliver(event, waiting)
                if not await self._letters.move(event.seq):
                    return None
                if self._stopping.is_set():
                    return event.seq
            position = portion.reached
            if not await self._letters.move(position):
                return None
            if not portion.more:
                return position
        return position

    async def _deliver(self, event: Event[Any], waiting: set[tuple[str, str]]) -> None:
        """Handle an event, or make a letter of it where that fails or others of its key wait."""
        key = (event.topic, event.key)
        error = None if key in waiting else await self._handle(event)
        if key in waiting or error is not None:
            await self._letters.park(event)
            waiting.add(key)
        if error is not None:
            await self._fail(event, 0, error)

    async def _try_letters(self, position: int) -> set[tuple[str, str]] | None:
        """Try again what is due; the topics and keys that still wait. None where there is nothing more to deliver."""
        tried: set[tuple[str, str]] = set()
        while letters := [one for one in await self._letters.due() if (one.event.topic, one.event.key) not in tried]:
            for letter in letters:
                if self._stopping.is_set():
                    return None
                if (error := await self._handle(letter.event)) is None:
                    await self._letters.delivered(letter.event.seq)
                else:
                    await self._fail(letter.event, letter.attempts, error)
                    tried.add((letter.event.topic, letter.event.key))
                if not await self._letters.move(position):
                    return None
        return await self._letters.waiting_keys()

    async def _fail(self, event: Event[Any], attempts: int, error: BaseException) -> None:
        pause = min(FIRST_PAUSE * 2**attempts, LONGEST_PAUSE)
        sentence, trace = describe(error), failures.trace(error)
        await self._letters.failed(event.seq, sentence, trace, pause, self._subscription.attempts)
        dead = attempts + 1 >= self._subscription.attempts
        self._log.warning("an event could not be handled", **self._said, seq=event.seq, error=sentence, dead=dead)

    async def _handle(self, event: Event[Any]) -> BaseException | None:
        """Run the handler; what it failed with."""
        context = contextvars.Context()  # empty: the handler sees nothing of who started the plugin
        context.run(current.plugin.set, self._plugin)
        handler = asyncio.get_running_loop().create_task(self._isolated(event), context=context)
        try:
            async with asyncio.timeout(self._subscription.timeout):
                await handler
        except asyncio.CancelledError:
            if self._task.cancelling():
                raise
            return RuntimeError("the handler ended itself as if it had been cancelled")
        except Exception as error:  # noqa: BLE001  whatever a guest raises concerns its event only
            return error
        return None

    async def _isolated(self, event: Event[Any]) -> None:
        try:
            await self._subscription.handler(self._ctx, event)
        except SystemExit as error:  # it would end the whole process
            raise RuntimeError("the handler called sys.exit()") from error

    async def _pause(self, after: int | None) -> None:
        """Wait for news, for the sign to stop, or until it is time to look."""
        waits: set[asyncio.Task[bool]] = {asyncio.create_task(self._stopping.wait())}
        if after is not None:
            waits.add(asyncio.create_task(self._feed.wait(after, LOOK_EVERY)))
        try:
            await asyncio.wait(waits, timeout=LOOK_EVERY, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waits:
                task.cancel()
