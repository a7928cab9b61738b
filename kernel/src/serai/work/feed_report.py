"""What people see of the feed and may ask of it: for the command line and the pages. Needs no plugin's code."""

from __future__ import annotations

from datetime import datetime

import attrs

from serai.context import Database
from serai.errors import NotFound

_TOPICS = """
    select topic as name, count(*) as events, max(seq) as newest, max(at) as last_at
    from serai.feed group by topic order by topic
"""
_EDGES = "select pruned_to, coalesce((select max(seq) from serai.feed), pruned_to) as head from serai.feed_state"
_SUBSCRIBERS = """
    select plugin || '.' || name as name, topics, process_id, seq,
        (select count(*) from serai.feed where topic = any(topics) and feed.seq > feed_cursor.seq) as lag,
        (select count(*) from serai.feed_letter as l where (l.plugin, l.name) = (feed_cursor.plugin, feed_cursor.name)
            and dead_at is null) as waiting,
        (select count(*) from serai.feed_letter as l where (l.plugin, l.name) = (feed_cursor.plugin, feed_cursor.name)
            and dead_at is not null) as dead
    from serai.feed_cursor order by plugin, feed_cursor.name
"""
_DEAD = """
    select plugin || '.' || name as subscriber, seq, topic, key, at, attempts, dead_at, error
    from serai.feed_letter where dead_at is not null order by seq, plugin, name
"""
_KNOWN = "select exists (select from serai.feed_cursor where plugin = $1 and name = $2)"
_RETRY = """
    update serai.feed_letter set dead_at = null, attempts = 0, next_at = now()
    where plugin = $1 and name = $2 and dead_at is not null returning seq
"""


@attrs.frozen(kw_only=True)
class TopicSummary:
    """What the feed keeps of one topic."""

    name: str
    events: int
    newest: int
    last_at: datetime


@attrs.frozen(kw_only=True)
class Subscriber:
    """One subscription. `lag` counts the events still to be looked at, `waiting` and `dead` those that failed."""

    name: str
    topics: list[str]
    process_id: str | None
    seq: int
    lag: int
    waiting: int
    dead: int


@attrs.frozen(kw_only=True)
class DeadLetter:
    """An event that a subscription failed on too often. `key` may name a person: for people on the host only."""

    subscriber: str
    seq: int
    topic: str
    key: str
    at: datetime
    attempts: int
    dead_at: datetime
    error: str


@attrs.frozen(kw_only=True)
class Report:
    """The feed as it is. Events up to `pruned_to` are gone; `head` is the newest."""

    pruned_to: int
    head: int
    topics: list[TopicSummary]
    subscribers: list[Subscriber]


async def report(database: Database) -> Report:
    """Topics, edges and subscribers."""
    async with database.raw() as raw, raw.transaction(isolation="repeatable_read", readonly=True):
        edges = await raw.fetchrow(_EDGES)
        topics = [TopicSummary(**row) for row in await raw.fetch(_TOPICS)]
        subscribers = [Subscriber(**row) for row in await raw.fetch(_SUBSCRIBERS)]
    return Report(**edges, topics=topics, subscribers=subscribers)


async def dead_letters(database: Database) -> list[DeadLetter]:
    """All dead letters, oldest event first."""
    async with database.raw() as raw:
        return [DeadLetter(**row) for row in await raw.fetch(_DEAD)]


async def retry(database: Database, plugin: str, name: str) -> int:
    """Have the dead letters of a subscription tried again, within seconds; how many they are.

    Raises `NotFound` where there is no such subscription.
    """
    async with database.raw() as raw:
        if not await raw.fetchval(_KNOWN, plugin, name):
            raise NotFound(f"{plugin}.{name} is no subscription", hint="`serai feed` lists them.")
        return len(await raw.fetch(_RETRY, plugin, name))
