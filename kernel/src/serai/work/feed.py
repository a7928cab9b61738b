"""`Feed`: one append-only stream of what happened, numbered in the order of commits.

A publisher's rows wait in `feed_pending`. At its commit a deferred trigger takes a lock, moves them into `feed` with
the next numbers, and notifies; the lock is released after the commit has become visible. So whoever sees a number sees
all lower ones too, and nobody waits for a transaction that has published and goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Generic, TypeVar

import attrs
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection

from serai.context import Database
from serai.declarations import Event, Topic
from serai.errors import Problem, Unavailable

if TYPE_CHECKING:
    import asyncpg

P = TypeVar("P", bound=Struct)

_PUBLISH = "insert into serai.feed_pending (topic, key, payload) values ($1, $2, $3)"
_EDGES = "select pruned_to, coalesce((select max(seq) from serai.feed), pruned_to) as head from serai.feed_state"
# One statement, so one snapshot: nothing is pruned, and nothing comes, between the events and the edges.
_READ = f"""
    select edges.pruned_to, edges.head, event.* from ({_EDGES}) as edges left join lateral (
        select seq, topic, key, payload, at from serai.feed
        where seq > $1 and topic = any($2) order by seq limit $3
    ) as event on true order by event.seq
"""  # noqa: S608 - of constants
_LOOK_AGAIN = 0.5


class Gone(Problem):
    """The position is not in the feed: what follows it is pruned, or it is of another database."""

    status = 410
    slug = "feed-position-gone"
    title = "The feed cannot be followed from there"


@attrs.frozen(kw_only=True)
class Portion(Generic[P]):
    """Some events after a position."""

    events: list[Event[P]]
    reached: int
    """Every event up to this number was looked at: read on from here."""
    more: bool
    """There may be more to read at once."""


class Feed:
    """The feed as one process sees it. `database` is the kernel's own (schema `serai`)."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.leaving = asyncio.Event()
        """Set when this process hands over to another: clients that wait here are let go."""
        self._head = 0
        """The newest number that this process has heard of."""
        self._news = asyncio.Event()

    def start(self) -> None:
        """Begin to hear of what is published, in any process."""
        self._database.listen("feed", self._hear)

    async def publish(
        self,
        topic: Topic[P],
        key: str,
        payload: P | None,
        *,
        connection: AsyncConnection | asyncpg.Connection | None = None,
    ) -> None:
        """Say that something happened, in `connection`'s transaction: seen when that commits, never if it does not.

        None as payload says that the thing is gone. Raises `TypeError` for a payload that is not the topic's.
        """
        content = topic.encode(payload)
        async with self._raw(connection) as raw:
            await raw.execute(_PUBLISH, topic.name, key, content)

    async def publish_many(
        self,
        topic: Topic[P],
        items: Iterable[tuple[str, P | None]],
        *,
        connection: AsyncConnection | asyncpg.Connection | None = None,
    ) -> None:
        """`publish` for many pairs of key and payload, in their order, by COPY."""
        records = ((topic.name, key, topic.encode(payload)) for key, payload in items)
        async with self._raw(connection) as raw:
            await raw.copy_records_to_table(
                "feed_pending", schema_name="serai", columns=["topic", "key", "payload"], records=records
            )

    async def read(self, topics: Sequence[Topic[P]], *, after: int, limit: int = 100) -> list[Event[P]]:
        """The first `limit` events of the topics with a number above `after`, in their order.

        Raises `Gone` where events after `after` are pruned already, or `after` lies beyond the head.
        """
        return (await self.portion(topics, after=after, limit=limit)).events

    async def portion(self, topics: Sequence[Topic[P]], *, after: int, limit: int) -> Portion[P]:
        """`read`, with how far it has come: further than the last event where what follows is of other topics."""
        by_name = {topic.name: topic for topic in topics}
        async with self._database.raw() as raw:
            rows = await raw.fetch(_READ, after, list(by_name), limit)
        pruned_to, head = rows[0]["pruned_to"], rows[0]["head"]
        if after < pruned_to:
            raise Gone("What followed that position is no longer kept", hint="Take a snapshot and follow from there.")
        if after > head:
            raise Gone("That position is beyond the end: it is of another database", hint="Take a snapshot again.")
        events = [
            Event(
                seq=row["seq"],
                topic=row["topic"],
                key=row["key"],
                payload=by_name[row["topic"]].decode(row["payload"]),
                at=row["at"],
            )
            for row in rows
            if row["seq"] is not None
        ]
        more = len(events) == limit and events[-1].seq < head
        return Portion(events=events, reached=events[-1].seq if more else head, more=more)

    async def head(self) -> int:
        """The newest number; 0 where nothing has ever happened."""
        return (await self._edges())[1]

    async def oldest(self) -> int:
        """The least position that can be read from: everything after it is kept."""
        return (await self._edges())[0]

    async def wait(self, after: int, timeout: float) -> bool:
        """Wait until something has a higher number than `after`, at most `timeout` seconds; whether it has."""
        try:
            async with asyncio.timeout(timeout):
                while self._head <= after:
                    await self._news.wait()
        except TimeoutError:
            return False
        return True

    async def _edges(self) -> tuple[int, int]:
        async with self._database.raw() as raw:
            pruned_to, head = await raw.fetchrow(_EDGES)
            return pruned_to, head

    async def _hear(self, payload: str | None) -> None:
        newest = await self._look() if payload is None else int(payload)
        if newest > self._head:
            self._head = newest
            self._news.set()
            self._news = asyncio.Event()

    async def _look(self) -> int:
        """The head, once the database is there to say it."""
        while True:
            try:
                return await self.head()
            except Unavailable:
                await asyncio.sleep(_LOOK_AGAIN)

    @asynccontextmanager
    async def _raw(self, connection: AsyncConnection | asyncpg.Connection | None) -> AsyncIterator[asyncpg.Connection]:
        """The asyncpg connection of the publisher's transaction; one of our own where it has none."""
        if connection is None:
            async with self._database.raw() as own:
                yield own
        elif isinstance(connection, AsyncConnection):
            yield await _driver_connection(connection)
        else:
            yield connection


async def _driver_connection(connection: AsyncConnection) -> asyncpg.Connection:
    """What is below SQLAlchemy's connection, in its transaction, which begins with the first statement only."""
    driver: asyncpg.Connection = (await connection.get_raw_connection()).driver_connection
    if not driver.is_in_transaction():
        await connection.exec_driver_sql("select 1")
    return driver
