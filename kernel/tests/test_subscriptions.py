from __future__ import annotations

import asyncio
import contextlib

import pytest
import structlog
from msgspec import Struct

from serai.declarations import Topic, subscription
from serai.work import feed_report, subscriptions
from serai.work.feed import Feed
from serai.work.subscriptions import Subscriptions


class Change(Struct, frozen=True, kw_only=True):
    """Something changed."""

    number: int


CHANGES = Topic(name="demo.change", payload=Change)


@pytest.fixture
async def feed(kernel_database):
    feed = Feed(kernel_database)
    feed.start()
    return feed


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(subscriptions, "FIRST_PAUSE", 0.0)
    monkeypatch.setattr(subscriptions, "LOOK_EVERY", 0.05)


@pytest.fixture
async def processes(kernel_database, feed):
    """Start the subscriptions of `demo` as a process of its own would."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(*declared, name="p1"):
            process = Subscriptions(kernel_database, feed, name, structlog.get_logger())
            await process.add("demo", declared, ctx="the context")
            stack.push_async_callback(process.remove, "demo", 0)
            return process

        yield start


class Heard:
    """Remembers events; fails on those numbers that it is told to."""

    def __init__(self):
        self.numbers = []
        self.bad = set()

    def subscription(self, **options):
        @subscription(CHANGES, **options)
        async def on_change(ctx, event):
            assert ctx == "the context"
            if event.payload.number in self.bad:
                raise ValueError("secret content")
            self.numbers.append(event.payload.number)

        return on_change


@pytest.fixture
def heard():
    return Heard()


def changes(*numbers, key="a"):
    return [(key, Change(number=number)) for number in numbers]


async def test_a_subscriber_hears_in_order_also_what_happened_while_it_was_off(feed, processes, heard, eventually):
    await feed.publish_many(CHANGES, changes(0))
    process = await processes(heard.subscription())
    await feed.publish_many(CHANGES, changes(1, 2))
    await eventually(lambda: heard.numbers == [1, 2])
    await process.remove("demo", 5)
    await feed.publish_many(CHANGES, changes(3, 4))
    await processes(heard.subscription(), name="p2")
    await eventually(lambda: heard.numbers == [1, 2, 3, 4])


async def test_one_from_the_start_hears_what_was_before_it(feed, processes, heard, eventually):
    await feed.publish_many(CHANGES, changes(*range(250)))
    await processes(heard.subscription(from_start=True))
    await eventually(lambda: heard.numbers == list(range(250)))


async def test_one_process_delivers_at_a_time_and_another_takes_over(feed, processes, heard, eventually):
    first = await processes(heard.subscription())
    other = Heard()
    await processes(other.subscription(), name="p2")
    await feed.publish_many(CHANGES, changes(1, 2, 3))
    await eventually(lambda: sorted(heard.numbers + other.numbers) == [1, 2, 3])
    await first.remove("demo", 5)
    await feed.publish_many(CHANGES, changes(4))
    await eventually(lambda: 4 in other.numbers)
    assert sorted(heard.numbers + other.numbers) == [1, 2, 3, 4]


async def test_a_failing_event_holds_up_its_key_and_no_other(feed, processes, heard, eventually):
    heard.bad = {1}
    await processes(heard.subscription(attempts=10_000))
    await feed.publish_many(CHANGES, [*changes(1, 2), *changes(3, key="b")])
    await eventually(lambda: heard.numbers == [3])
    heard.bad = set()
    await eventually(lambda: heard.numbers == [3, 1, 2])


async def test_what_fails_too_often_is_a_dead_letter_that_can_be_tried_again(
    feed, processes, heard, eventually, kernel_database
):
    heard.bad = {1}
    await processes(heard.subscription(attempts=2))
    await feed.publish_many(CHANGES, changes(1, 2))
    await eventually(lambda: heard.numbers == [2])
    (letter,) = await feed_report.dead_letters(kernel_database)
    assert (letter.subscriber, letter.key, letter.attempts) == ("demo.on_change", "a", 2)
    assert "secret content" not in letter.error
    (reader,) = (await feed_report.report(kernel_database)).subscribers
    assert (reader.name, reader.lag, reader.dead) == ("demo.on_change", 0, 1)
    heard.bad = set()
    assert await feed_report.retry(kernel_database, "demo", "on_change") == 1
    await eventually(lambda: heard.numbers == [2, 1])
    assert await feed_report.dead_letters(kernel_database) == []


async def test_a_handler_in_the_middle_of_an_event_ends_it_before_the_plugin_stops(feed, processes, eventually):
    began, go_on, ended = asyncio.Event(), asyncio.Event(), []

    @subscription(CHANGES)
    async def slow(ctx, event):
        began.set()
        await go_on.wait()
        ended.append(event.payload.number)

    process = await processes(slow)
    await feed.publish_many(CHANGES, changes(1, 2))
    await began.wait()
    stopping = asyncio.create_task(process.remove("demo", 10))
    await eventually(lambda: not process._running)
    go_on.set()
    await stopping
    assert ended == [1]
    await processes(slow, name="p2")
    await eventually(lambda: ended == [1, 2])
