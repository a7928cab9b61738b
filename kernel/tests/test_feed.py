from __future__ import annotations

import asyncio

import pytest
from msgspec import Struct

from serai.data.connections import Connections
from serai.declarations import Topic
from serai.work.feed import Feed, Gone


class Change(Struct, frozen=True, kw_only=True):
    """Something changed."""

    number: int
    text: str = ""


CHANGES = Topic(name="demo.change", payload=Change)
OTHERS = Topic(name="demo.other", payload=Change)


@pytest.fixture
async def feed(kernel_database):
    feed = Feed(kernel_database)
    feed.start()
    return feed


def numbers(events):
    return [None if event.payload is None else event.payload.number for event in events]


async def test_what_a_transaction_published_is_read_in_order_once_it_commits(feed, kernel_database):
    async with kernel_database.begin() as connection:
        await feed.publish(CHANGES, "a", Change(number=1, text="甲"), connection=connection)
        await feed.publish_many(CHANGES, [("b", Change(number=2)), ("a", None)], connection=connection)
        assert await feed.read([CHANGES], after=0) == []
    first, second, third = await feed.read([CHANGES], after=0)
    assert (first.topic, first.key, first.payload) == ("demo.change", "a", Change(number=1, text="甲"))
    assert (second.key, third.key, third.payload) == ("b", "a", None)
    assert first.seq < second.seq < third.seq == await feed.head()
    assert await feed.read([CHANGES], after=first.seq, limit=1) == [second]
    assert await feed.read([CHANGES], after=third.seq) == []


async def test_what_is_rolled_back_never_happened(feed, kernel_database):
    async with kernel_database.connect() as connection:
        await feed.publish(CHANGES, "a", Change(number=1), connection=connection)
        await connection.rollback()
    async with kernel_database.raw() as raw, raw.transaction():
        await feed.publish(CHANGES, "a", Change(number=2), connection=raw)
        savepoint = raw.transaction()
        await savepoint.start()
        await feed.publish(CHANGES, "a", Change(number=3), connection=raw)
        await savepoint.rollback()
    assert numbers(await feed.read([CHANGES], after=0)) == [2]


async def test_numbers_are_given_in_the_order_of_commits_and_nobody_waits_for_a_publisher(feed, kernel_database):
    async with kernel_database.begin() as slow:
        await feed.publish(CHANGES, "a", Change(number=1), connection=slow)
        await feed.publish(CHANGES, "a", Change(number=2))
        assert numbers(await feed.read([CHANGES], after=0)) == [2]
    assert numbers(await feed.read([CHANGES], after=0)) == [2, 1]


SLOW_COMMIT = """
    create table public.slow ();
    create function public.wait() returns trigger language plpgsql as
        $$ begin perform pg_advisory_xact_lock_shared(42); return null; end $$;
    create constraint trigger wait after insert on public.slow
        deferrable initially deferred for each row execute function public.wait();
"""


async def test_no_number_is_seen_while_a_lower_one_is_being_committed(feed, kernel_database, eventually):
    async def publish_slowly():
        async with kernel_database.raw() as raw, raw.transaction():
            await feed.publish(CHANGES, "a", Change(number=1), connection=raw)
            await raw.execute("insert into public.slow default values")  # waits after the number was given

    async def waiting():
        async with kernel_database.raw() as raw:
            return await raw.fetchval("select count(*) from pg_locks where not granted and locktype = 'advisory'")

    async with kernel_database.raw() as raw:
        await raw.execute(SLOW_COMMIT)
        async with raw.transaction():
            await raw.execute("select pg_advisory_xact_lock(42)")
            first = asyncio.create_task(publish_slowly())
            await eventually(lambda: _is(waiting(), 1))
            second = asyncio.create_task(feed.publish(CHANGES, "a", Change(number=2)))
            await eventually(lambda: _is(waiting(), 2))
            assert await feed.read([CHANGES], after=0) == []
    await first
    await second
    assert numbers(await feed.read([CHANGES], after=0)) == [1, 2]


async def _is(found, expected):
    return await found == expected


async def test_a_transaction_that_sees_an_old_snapshot_publishes_too(feed, kernel_database):
    async with kernel_database.raw() as raw, raw.transaction(isolation="repeatable_read"):
        await raw.fetch("select 1 from serai.feed")
        await feed.publish(CHANGES, "a", Change(number=1))
        await feed.publish(CHANGES, "a", Change(number=2), connection=raw)
    assert numbers(await feed.read([CHANGES], after=0)) == [1, 2]


async def test_a_reader_gets_the_topics_that_it_asks_for(feed):
    await feed.publish(CHANGES, "a", Change(number=1))
    await feed.publish(OTHERS, "a", Change(number=2))
    assert numbers(await feed.read([OTHERS], after=0)) == [2]
    assert numbers(await feed.read([CHANGES, OTHERS], after=0)) == [1, 2]


async def test_a_position_beyond_the_head_is_gone(feed):
    await feed.publish(CHANGES, "a", Change(number=1))
    with pytest.raises(Gone):
        await feed.read([CHANGES], after=await feed.head() + 1)


async def test_a_reader_of_another_process_is_woken_by_the_commit(feed, database_url):
    connections = Connections(database_url, budget=3)
    await connections.open()
    try:
        elsewhere = Feed(connections.database("serai"))
        elsewhere.start()
        waiting = asyncio.create_task(elsewhere.wait(0, timeout=30))
        await feed.publish(CHANGES, "a", Change(number=1))
        assert await waiting
        assert numbers(await elsewhere.read([CHANGES], after=0)) == [1]
        assert not await elsewhere.wait(await elsewhere.head(), timeout=0.01)
    finally:
        await connections.close()


def test_a_payload_is_one_of_its_topic():
    with pytest.raises(TypeError, match=r"demo\.change takes Change, not str"):
        CHANGES.encode("other")
    with pytest.raises(ValueError, match="forbids unknown fields"):
        Topic(name="demo.strict", payload=type("Strict", (Struct,), {}, forbid_unknown_fields=True))
    with pytest.raises(ValueError, match="has no name such as"):
        Topic(name="demo", payload=Change)
