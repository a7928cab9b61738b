"""Following the feed while many processes write, some of which die: nothing is missed, doubled or out of order."""

from __future__ import annotations

import asyncio
import sys
from itertools import groupby
from pathlib import Path

import pytest
from feed_writer import THINGS

from serai.work.feed import Feed

WRITER = Path(__file__).parent / "feed_writer.py"


@pytest.fixture
async def feed(kernel_database):
    async with kernel_database.begin() as connection:
        await connection.exec_driver_sql("create table public.thing (key text primary key, value bigint not null)")
    feed = Feed(kernel_database)
    feed.start()
    return feed


@pytest.fixture
async def writers(database_url):
    """Start writers; those that are left are killed at the end."""
    started = []

    async def start(count):
        commands = ((sys.executable, WRITER, database_url, str(seed)) for seed in range(count))
        started.extend([await asyncio.create_subprocess_exec(*command) for command in commands])
        return started

    yield start
    for process in started:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def table(database):
    async with database.raw() as raw:
        return {row["key"]: row["value"] for row in await raw.fetch("select key, value from public.thing")}


async def test_who_follows_has_at_every_moment_the_table_of_that_moment(feed, kernel_database, writers):
    processes = await writers(6)
    over = asyncio.gather(*(process.wait() for process in processes))
    followed, snapshots = [], [(0, {})]
    while True:
        ended = over.done()
        followed += await feed.read([THINGS], after=followed[-1].seq if followed else 0, limit=7)
        if len(followed) > 40 * len(snapshots):
            head = await feed.head()
            snapshots.append((head, await table(kernel_database)))
        if ended and followed[-1].seq == await feed.head():
            break
    assert sorted(await over) == [-9, -9, -9, 0, 0, 0]

    everything = await feed.read([THINGS], after=0, limit=100_000)
    assert followed == everything
    assert [event.seq for event in everything] == sorted({event.seq for event in everything})
    names = [event.payload.transaction for event in everything if event.payload]
    assert len(list(groupby(names))) == len(set(names)), "another's events lie between those of a transaction"
    today = await table(kernel_database)
    assert len(snapshots) > 5
    for head, things in snapshots:
        for event in everything:
            if event.seq > head:
                if event.payload is None:
                    things.pop(event.key, None)
                else:
                    things[event.key] = event.payload.value
        assert things == today


async def test_a_follower_comes_back_after_its_connection_was_cut(feed, kernel_database, eventually):
    waiting = asyncio.create_task(feed.wait(0, timeout=60))
    cut = (
        "select pg_terminate_backend(pid) from pg_stat_activity where query ilike 'listen%' and pid <> pg_backend_pid()"
    )

    async def is_cut():
        async with kernel_database.raw() as raw:
            return await raw.fetch(cut)

    await eventually(is_cut)
    async with kernel_database.raw() as raw:
        await raw.execute("insert into serai.feed_pending (topic, key) values ('test.thing', 'a')")
    assert await waiting
