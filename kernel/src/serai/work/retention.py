"""`Retention`: the feed forgets its beginning."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta

from serai.context import Database
from serai.declarations import Log
from serai.errors import describe

EVERY = 3600.0
"""Seconds between two looks at what is old, give or take a quarter: every process looks."""
PORTION = 10_000
"""Events that are deleted in one transaction."""

# Only a beginning is deleted, and its end is written down with it: so a reader knows that it has missed something.
_PRUNE = """
    with old as (
        delete from serai.feed where seq in (
            select seq from (select seq, at from serai.feed order by seq limit $2) as first
            where at < now() - $1::interval
        ) returning seq
    ), gone as (
        select count(*), max(seq) from old
    ), moved as (
        update serai.feed_state set pruned_to = greatest(pruned_to, gone.max) from gone where gone.count > 0
    )
    select count from gone
"""


class Retention:
    """Deletes what has been in the feed for more than `days`. `database` is the kernel's own (schema `serai`)."""

    def __init__(self, database: Database, days: int, log: Log) -> None:
        self._database = database
        self._kept = timedelta(days=days)
        self._log = log
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.create_task(self._prune_regularly(), name="feed: retention")

    async def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def prune(self) -> int:
        """Delete what is old, a portion after another; how many events there were."""
        total = 0
        while True:
            async with self._database.raw() as raw:
                count: int = await raw.fetchval(_PRUNE, self._kept, PORTION)
            total += count
            if count < PORTION:
                return total

    async def _prune_regularly(self) -> None:
        while True:
            await asyncio.sleep(EVERY * random.uniform(0.75, 1.25))
            try:
                count = await self.prune()
            except Exception as error:  # noqa: BLE001  # mostly the database is away
                self._log.warning("the feed could not be pruned", error=describe(error))
            else:
                if count:
                    self._log.info("the feed was pruned", events=count)
