"""The newest snapshot of this process, and what keeps it the newest: it follows the feed."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import asyncpg
from msgspec import Struct

from serai import Database, Feed, Log, Problem, Topic, Unavailable
from serai_isapi.snapshot.pace import Pace
from serai_isapi.snapshot.person import Person
from serai_isapi.snapshot.reading import OrderDiffers, read_all, read_these
from serai_isapi.snapshot.snapshot import EMPTY, Snapshot

PORTION = 1000
"""Events that are read at once."""
MANY = 5000
"""From so many people on it is quicker to read everybody than to look for each."""
PAUSE = 1.0
"""Seconds until a reading that failed is tried again."""
LOOK_AGAIN = 60.0
"""Seconds after which one looks also where nothing was heard."""


class Mention(Struct, frozen=True):
    """Nothing of an event but whom it is about: what they are now is read from the table."""


MENTIONED = Topic(name="isapi.employee", payload=Mention)


class Snapshots:
    """Holds one snapshot at a time; readers take `current` and are never between two states."""

    def __init__(self, db: Database, feed: Feed, log: Log) -> None:
        self.current: Snapshot | None = None
        """None before the first reading has ended: the database answers until then."""
        self._db = db
        self._feed = feed
        self._log = log
        self._position = 0
        """Everything up to this number of the feed is in `current`."""

    async def keep(self) -> None:
        """Follow the feed as long as the plugin runs."""
        while True:
            try:
                await self.refresh()
            except OrderDiffers as error:
                self._log.warning("people are not kept in memory", reason=error.sentence, hint=error.hint)
                return
            except (Unavailable, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                self._log.warning("reading people into memory failed; trying again", reason=type(error).__name__)
                await asyncio.sleep(PAUSE)
                continue
            await self._feed.wait(self._position, timeout=LOOK_AGAIN)

    async def refresh(self) -> None:
        """Make `current` what the database holds now."""
        pace = Pace()
        if self.current is not None:
            with suppress(_TooMuch):
                await self._follow(self.current, pace)
                return
        known = self.current or EMPTY
        position = await self._feed.head()
        async with self._db.raw() as connection:
            changes = await read_all(connection, known, pace)
        self.current, self._position = await known.changed(changes, pace), position

    async def _follow(self, known: Snapshot, pace: Pace) -> None:
        """Bring in what was told since. Raises `_TooMuch`."""
        changes: dict[bytes, Person | None] = {}
        position = self._position
        while True:
            head = await self._feed.head()
            emplids = await self._mentioned(position)
            if not emplids:  # so nobody has changed since those of the round before were read
                break
            async with self._db.raw() as connection:
                changes |= await read_these(connection, emplids, pace)
            position = head
        differing = {key: person for key, person in changes.items() if person != known.people.get(key)}
        if differing:
            self.current = await known.changed(differing, pace)
        self._position = max(position, head)

    async def _mentioned(self, after: int) -> set[str]:
        """Who was told of beyond that position. Raises `_TooMuch`."""
        emplids: set[str] = set()
        while True:
            try:
                events = await self._feed.read([MENTIONED], after=after, limit=PORTION)
            except Problem as problem:
                if problem.status == 410:
                    raise _TooMuch from problem
                raise
            emplids.update(event.key for event in events)
            if len(emplids) > MANY:
                raise _TooMuch
            if len(events) < PORTION:
                return emplids
            after = events[-1].seq


class _TooMuch(Exception):
    """More has changed than can be followed one by one, or it is no longer known what."""
