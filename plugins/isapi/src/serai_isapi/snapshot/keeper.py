"""The newest snapshot of this process, and what keeps it the newest: it follows the feed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress

import asyncpg
import attrs
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


@attrs.frozen
class State:
    """Everybody, and those who are seen by callers from whom some are hidden: both of one moment."""

    everybody: Snapshot
    hidden: frozenset[str]
    visible: Snapshot

    async def changed(self, changes: Mapping[bytes, Person | None], pace: Pace) -> State:
        everybody = await self.everybody.changed(changes, pace)
        if not self.hidden:
            return State(everybody, self.hidden, everybody)
        seen = {key: person and person.seen_without(self.hidden) for key, person in changes.items()}
        return State(everybody, self.hidden, await self.visible.changed(seen, pace))


class Snapshots:
    """Holds one state at a time; readers are never between two."""

    def __init__(self, db: Database, feed: Feed, log: Log) -> None:
        self._db = db
        self._feed = feed
        self._log = log
        self._state: State | None = None
        self._position = 0
        """Everything up to this number of the feed is in the state."""
        self._hidden: frozenset[str] = frozenset()
        self._changing = asyncio.Lock()

    def without(self, hidden: frozenset[str]) -> Snapshot | None:
        """The newest snapshot without these people; None where there is none: the database answers then.

        So it is before the first reading has ended, and for one who is hidden from the others, but not from themselves.
        """
        state = self._state
        if state is None:
            return None
        if not hidden:
            return state.everybody
        return state.visible if hidden == state.hidden else None

    async def hide(self, emplids: frozenset[str]) -> None:
        """From now on these people are hidden from most callers."""
        async with self._changing:
            self._hidden = emplids
            if self._state is not None:
                self._state = await self._hiding(self._state.everybody, Pace())

    async def _hiding(self, everybody: Snapshot, pace: Pace) -> State:
        return State(everybody, self._hidden, await everybody.without(self._hidden, pace))

    async def keep(self) -> None:
        """Follow the feed as long as the plugin runs."""
        while True:
            try:
                await self.refresh()
            except OrderDiffers as error:
                self._log.warning("people are not kept in memory", reason=error.sentence, hint=error.hint)
                self._state = None
                return
            except (Unavailable, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                self._log.warning("reading people into memory failed; trying again", reason=type(error).__name__)
                await asyncio.sleep(PAUSE)
                continue
            await self._feed.wait(self._position, timeout=LOOK_AGAIN)

    async def refresh(self) -> None:
        """Bring in what the database holds now."""
        async with self._changing:
            pace = Pace()
            if self._state is not None:
                with suppress(_TooMuch):
                    await self._follow(self._state, pace)
                    return
            known = self._state.everybody if self._state is not None else EMPTY
            position = await self._feed.head()
            async with self._db.raw() as connection:
                changes = await read_all(connection, known, pace)
            self._state = await self._hiding(await known.changed(changes, pace), pace)
            self._position = position

    async def _follow(self, state: State, pace: Pace) -> None:
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
        known = state.everybody.people
        differing = {key: person for key, person in changes.items() if person != known.get(key)}
        if differing:
            self._state = await state.changed(differing, pace)
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
