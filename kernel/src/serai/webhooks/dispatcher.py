"""Makes deliveries of what happens, in whichever process hears of it first."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from serai.context import Database
from serai.declarations import Log
from serai.errors import describe
from serai.webhooks.deliveries import CHANNEL, Deliveries
from serai.webhooks.topics import TopicBook

LOOK_EVERY = 10.0
"""Seconds after which it looks though it has heard of nothing: another process may have died half-way."""
FORGET_EVERY = 3600.0
PAUSE = 2.0


class Dispatcher:
    """Follows the feed for all webhooks; any number of processes may do so at once."""

    def __init__(self, database: Database, deliveries: Deliveries, topics: TopicBook, log: Log) -> None:
        self._database = database
        self._deliveries = deliveries
        self._topics = topics
        self._log = log
        self._news = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to follow."""
        for channel in ("feed", CHANNEL):
            self._database.listen(channel, lambda _: self._news.set())
        self._tasks = [
            asyncio.create_task(self._follow(), name="webhooks: dispatch"),
            asyncio.create_task(self._forget(), name="webhooks: forget"),
        ]

    async def stop(self) -> None:
        """Follow no more; what is half done is undone by the database and done by another process."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def dispatch(self) -> None:
        """Make deliveries of everything that has happened, for the webhooks whose topics are all known here."""
        for webhook_id, topics in await self._deliveries.behind():
            if all(self._topics.find(topic) for topic in topics):
                while await self._deliveries.take(webhook_id):
                    pass

    async def _follow(self) -> None:
        while True:
            self._news.clear()
            try:
                await self.dispatch()
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_EVERY):
                        await self._news.wait()
            except Exception as error:  # noqa: BLE001  # mostly the database is away
                self._log.warning("webhooks could not be dispatched", error=describe(error))
                await asyncio.sleep(PAUSE)

    async def _forget(self) -> None:
        while True:
            try:
                await self._deliveries.forget()
            except Exception as error:  # noqa: BLE001  # mostly the database is away; the next time will do
                self._log.warning("old deliveries could not be forgotten", error=describe(error))
            await asyncio.sleep(FORGET_EVERY)
