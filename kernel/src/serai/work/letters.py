"""Where a subscription is, and the events that it failed on: the rows behind `Subscriber`.

An event that failed, and those of the same key behind it, are letters: taken out of the stream, so that the cursor goes
on, and tried again in their order. A dead letter is tried no more and keeps nothing waiting.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import attrs

from serai.context import Database
from serai.declarations import Event, Subscription

_DECLARE = """
    insert into serai.feed_cursor (plugin, name, topics, seq)
    select $1, $2, $3, case when $4 then pruned_to
        else coalesce((select max(seq) from serai.feed), pruned_to) end
    from serai.feed_state
    on conflict (plugin, name) do update set topics = excluded.topics
"""
_FORGET = "delete from serai.feed_cursor where plugin = $1 and name <> all($2)"
_TAKE = """
    update serai.feed_cursor set process_id = $3, lease_until = now() + $4::interval
    where plugin = $1 and name = $2 and (process_id = $3 or process_id is null or lease_until < now()) returning seq
"""
_MOVE = """
    update serai.feed_cursor set seq = $4, lease_until = now() + $5::interval
    where plugin = $1 and name = $2 and process_id = $3 returning true
"""
_RELEASE = "update serai.feed_cursor set process_id = null where plugin = $1 and name = $2 and process_id = $3"
_PARKED = "select distinct topic, key from serai.feed_letter where plugin = $1 and name = $2 and dead_at is null"
_PARK = """
    insert into serai.feed_letter (plugin, name, seq, topic, key, payload, at, attempts, next_at, error, trace)
    values ($1, $2, $3, $4, $5, $6, $7, 0, now(), '', '') on conflict do nothing
"""
# The first letter of each key only: those behind it wait for it.
_DUE = """
    select seq, topic, key, payload, at, attempts from (
        select distinct on (topic, key) * from serai.feed_letter
        where plugin = $1 and name = $2 and dead_at is null order by topic, key, seq
    ) as first where next_at <= now() order by seq limit 100
"""
_DELIVERED = "delete from serai.feed_letter where plugin = $1 and name = $2 and seq = $3"
_FAILED = """
    update serai.feed_letter set attempts = attempts + 1, error = $4, trace = $5, next_at = now() + $6::interval,
        dead_at = case when attempts + 1 >= $7 then now() end
    where plugin = $1 and name = $2 and seq = $3
"""


@attrs.frozen
class Letter:
    """An event to be tried again, and how often it was tried."""

    event: Event[Any]
    attempts: int


class Letters:
    """The rows of one subscription, as one process may change them while it holds the lease."""

    def __init__(self, database: Database, process_id: str, plugin: str, subscription: Subscription) -> None:
        self._database = database
        self._mine = (plugin, subscription.name)
        self._process_id = process_id
        self._topics = {topic.name: topic for topic in subscription.topics}
        self._lease = timedelta(seconds=subscription.timeout + 30)  # moved after every event

    async def take(self) -> int | None:
        """Hold the subscription, and where it is; None where another process holds it."""
        async with self._database.raw() as raw:
            seq: int | None = await raw.fetchval(_TAKE, *self._mine, self._process_id, self._lease)
            return seq

    async def move(self, seq: int) -> bool:
        """Be at `seq`: everything up to it is delivered, or a letter. False where the lease is lost."""
        async with self._database.raw() as raw:
            return bool(await raw.fetchval(_MOVE, *self._mine, self._process_id, seq, self._lease))

    async def release(self) -> None:
        """Let another process take it at once."""
        async with self._database.raw() as raw:
            await raw.execute(_RELEASE, *self._mine, self._process_id)

    async def waiting_keys(self) -> set[tuple[str, str]]:
        """Topics and keys with letters: an event of these has to wait behind them."""
        async with self._database.raw() as raw:
            return {(row["topic"], row["key"]) for row in await raw.fetch(_PARKED, *self._mine)}

    async def park(self, event: Event[Any]) -> None:
        """Make a letter of an event."""
        payload = self._topics[event.topic].encode(event.payload)
        async with self._database.raw() as raw:
            await raw.execute(_PARK, *self._mine, event.seq, event.topic, event.key, payload, event.at)

    async def due(self) -> list[Letter]:
        """The letters to try now: the first of each key."""
        async with self._database.raw() as raw:
            rows = await raw.fetch(_DUE, *self._mine)
        return [
            Letter(
                Event(
                    seq=row["seq"],
                    topic=row["topic"],
                    key=row["key"],
                    payload=self._topics[row["topic"]].decode(row["payload"]),
                    at=row["at"],
                ),
                row["attempts"],
            )
            for row in rows
            if row["topic"] in self._topics
        ]

    async def delivered(self, seq: int) -> None:
        """A letter went through."""
        async with self._database.raw() as raw:
            await raw.execute(_DELIVERED, *self._mine, seq)

    async def failed(self, seq: int, error: str, trace: str, pause: float, attempts: int) -> None:
        """A letter failed: try it again after `pause` seconds, or never more after so many `attempts`."""
        async with self._database.raw() as raw:
            await raw.execute(_FAILED, *self._mine, seq, error, trace, timedelta(seconds=pause), attempts)


async def declare(database: Database, plugin: str, subscriptions: Sequence[Subscription]) -> None:
    """Record a plugin's subscriptions; forget those that it declares no longer, with their letters."""
    async with database.raw() as raw, raw.transaction():
        for one in subscriptions:
            topics = [topic.name for topic in one.topics]
            await raw.execute(_DECLARE, plugin, one.name, topics, one.from_start)
        await raw.execute(_FORGET, plugin, [one.name for one in subscriptions])
