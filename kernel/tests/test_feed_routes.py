"""The feed over HTTP, through a real server: what a client sees."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import Annotated

import pytest
import structlog
from aiohttp import web
from msgspec import UNSET, Struct, UnsetType

from serai import Api, Call, Personal, PersonalField, PluginError, Principal, Problem
from serai.declarations import Topic
from serai.identity.fields import FieldPolicy
from serai.web.cursors import Cursors
from serai.web.keys import CONTEXT, CURSORS, FEED, PRINCIPAL
from serai.web.openapi import document
from serai.web.typed import routes_of
from serai.work.feed import Feed
from serai.work.retention import Retention


class Change(Struct, frozen=True, kw_only=True):
    """Something changed."""

    name: str


class Move(Struct, frozen=True, kw_only=True):
    """Something moved."""

    to: str
    grade: Annotated[str | UnsetType, Personal("demo.grade")] = UNSET


CHANGES = Topic(name="demo.change", payload=Change)
MOVES = Topic(name="demo.move", payload=Move)

api = Api()
api.feed("/changes", topics=[CHANGES, MOVES], permission="demo:read", snapshot="/things")


@api.get("/things", permission="demo:read")
async def list_things(call: Call) -> list[Change]:
    """All things."""
    return []


@pytest.fixture
async def feed(kernel_database):
    feed = Feed(kernel_database)
    feed.start()
    return feed


@pytest.fixture
def context():
    policy = FieldPolicy()
    policy.declare([PersonalField("demo.grade", "grade", clear=["demo:grade"])])
    return SimpleNamespace(name="demo", stopping=asyncio.Event(), fields=policy)


@pytest.fixture
async def client(aiohttp_client, feed, context):
    return await aiohttp_client(site(api, context, feed))


def site(api, context, feed):
    @web.middleware
    async def duties(request, handler):
        request[PRINCIPAL] = Principal(kind="client", id="c1", name="tester")
        try:
            return await handler(request)
        except Problem as problem:
            members = {"slug": problem.slug, "detail": problem.sentence, **problem.members}
            return web.json_response(members, status=problem.status)

    app = web.Application(middlewares=[duties])
    app[CONTEXT], app[CURSORS], app[FEED] = context, Cursors([b"k" * 32]), feed
    for bound in routes_of("demo", api):
        app.router.add_route(bound.method, f"/demo{bound.path}", bound.handler)
    return app


@pytest.fixture
def ask(client):
    async def get(status=200, **parameters):
        async with client.get("/demo/api/v1/changes", params=parameters) as response:
            assert response.status == status, await response.text()
            return await response.json()

    return get


class Stream:
    """Server-sent events as they come."""

    def __init__(self, response):
        self.response = response

    async def event(self):
        """The next block that is more than a sign of life: its fields."""
        while True:
            block = await self.response.content.readuntil(b"\n\n")
            fields = dict(line.split(": ", 1) for line in block.decode().strip().split("\n"))
            if "data" in fields:
                return SimpleNamespace(id=fields["id"], data=json.loads(fields["data"]))


async def test_a_client_pages_through_what_happened(feed, ask):
    await feed.publish_many(CHANGES, [("a", Change(name="甲")), ("b", None)])
    await feed.publish(MOVES, "a", Move(to="x"))
    first = await ask(limit=2)
    assert [{**item, "seq": 0, "at": ""} for item in first["items"]] == [
        {"topic": "demo.change", "seq": 0, "key": "a", "at": "", "data": {"name": "甲"}},
        {"topic": "demo.change", "seq": 0, "key": "b", "at": "", "data": None},
    ]
    assert first["more"]
    second = await ask(since=first["next_since"])
    assert [item["data"] for item in second["items"]] == [{"to": "x"}]
    assert not second["more"]
    assert (await ask(since=second["next_since"]))["items"] == []
    assert [item["topic"] for item in (await ask(types="demo.move"))["items"]] == ["demo.move"]


async def test_since_now_gives_what_is_still_to_come(feed, ask):
    await feed.publish(CHANGES, "a", Change(name="before"))
    now = await ask(since="now")
    assert now["items"] == []
    await feed.publish(CHANGES, "a", Change(name="after"))
    assert [item["data"]["name"] for item in (await ask(since=now["next_since"]))["items"]] == ["after"]


async def test_a_waiting_client_is_answered_when_something_happens(feed, ask):
    waiting = asyncio.create_task(ask(wait=50, types="demo.change"))
    await feed.publish(MOVES, "a", Move(to="x"))
    await feed.publish(CHANGES, "a", Change(name="new"))
    assert [item["data"] for item in (await waiting)["items"]] == [{"name": "new"}]


@pytest.mark.parametrize("ending", ["the plugin stops", "the process hands over"])
async def test_a_waiting_client_is_let_go(feed, client, context, ending):
    async with client.get("/demo/api/v1/changes", headers={"Accept": "text/event-stream"}) as response:
        waiting = asyncio.create_task(response.content.read())
        polling = asyncio.create_task(client.get("/demo/api/v1/changes", params={"wait": 50}))
        (context.stopping if ending == "the plugin stops" else feed.leaving).set()
        assert b"id: " in await waiting
        async with await polling as polled:
            assert (await polled.json())["items"] == []


async def test_a_stream_is_taken_up_where_it_broke_off(feed, client):
    headers = {"Accept": "text/event-stream"}
    await feed.publish(CHANGES, "a", Change(name="1"))
    async with client.get("/demo/api/v1/changes", headers=headers) as response:
        assert response.headers["Content-Type"] == "text/event-stream"
        stream = Stream(response)
        first = await stream.event()
        await feed.publish(CHANGES, "b", Change(name="2"))
        assert (await stream.event()).data["data"] == {"name": "2"}
    await feed.publish(MOVES, "a", Move(to="3"))
    async with client.get("/demo/api/v1/changes", headers={**headers, "Last-Event-ID": first.id}) as response:
        stream = Stream(response)
        assert [(await stream.event()).data["key"] for _ in range(2)] == ["b", "a"]


async def test_events_are_told_without_what_the_caller_may_not_see(feed, client, ask):
    await feed.publish(MOVES, "a", Move(to="1", grade="P7"))
    page = await ask()
    assert page["items"][0]["data"] == {"to": "1"}
    async with client.get("/demo/api/v1/changes", headers={"Accept": "text/event-stream"}) as response:
        assert (await Stream(response).event()).data["data"] == {"to": "1"}


async def test_a_position_that_is_gone_tells_where_to_begin_anew(feed, kernel_database, ask):
    before = (await ask())["next_since"]
    await feed.publish_many(CHANGES, [(f"{n}", Change(name="x")) for n in range(3)])
    await Retention(kernel_database, 0, structlog.get_logger()).prune()
    gone = await ask(status=410, since=before)
    assert gone["slug"] == "feed-position-gone"
    assert gone["resync"]["snapshot"] == "/demo/api/v1/things"
    assert (await ask(since=gone["resync"]["since"]))["items"] == []
    assert (await ask())["items"] == []


@pytest.mark.parametrize(
    ("parameters", "status", "pointer"),
    [
        ({"since": "nonsense"}, 422, "/since"),
        ({"types": "demo.unknown"}, 400, "/types/0"),
        ({"limit": 0}, 400, "/limit"),
        ({"wait": 56}, 400, "/wait"),
        ({"sinse": "now"}, 400, "/sinse"),
    ],
)
async def test_what_cannot_be_asked_is_refused(ask, parameters, status, pointer):
    assert [error["pointer"] for error in (await ask(status=status, **parameters))["errors"]] == [pointer]


async def test_a_position_is_good_on_its_own_route_only(client, ask):
    elsewhere = Cursors([b"k" * 32]).make(b"another route", [0], expires=False)
    assert (await ask(status=422, since=elsewhere))["slug"] == "cursor-refused"


def test_openapi_shows_each_topics_events(context):
    found = document(name="demo", title="Demo", version="1", summary="", apis=[api], policy=context.fields)
    operation = found["paths"]["/demo/api/v1/changes"]["get"]
    assert operation["operationId"] == "follow_changes"
    assert {one["name"] for one in operation["parameters"] if "name" in one} == {"since", "limit", "wait", "types"}
    assert operation["responses"]["410"]["x-problems"] == ["feed-position-gone"]
    assert "text/event-stream" in operation["responses"]["200"]["content"]
    events = found["components"]["schemas"]["DemoChangeEvent"]["properties"]
    assert events["topic"] == {"enum": ["demo.change"]}
    assert {"$ref": "#/components/schemas/Change"} in events["data"]["anyOf"]


def test_a_snapshot_is_a_route_of_the_same_api():
    lost = Api()
    lost.feed("/changes", topics=[CHANGES], permission="demo:read", snapshot="/nowhere")
    with pytest.raises(PluginError, match="names /nowhere as its snapshot"):
        routes_of("demo", lost)


async def test_what_does_not_exist_for_a_client_is_not_told(aiohttp_client, feed, context):
    blind = Api()
    blind.feed(
        "/changes", topics=[CHANGES], permission="demo:read", sight=lambda ctx, who, event: _unless_secret(event)
    )
    client = await aiohttp_client(site(blind, context, feed))
    await feed.publish_many(CHANGES, [("secret", Change(name="a")), ("b", Change(name="b")), ("secret", None)])
    async with client.get("/demo/api/v1/changes", params={"limit": 1}) as response:
        hidden = await response.json()
    assert (hidden["items"], hidden["more"]) == ([], True)
    waiting = {"since": hidden["next_since"], "wait": 5}
    async with client.get("/demo/api/v1/changes", params=waiting) as response:
        assert [item["key"] for item in (await response.json())["items"]] == ["b"]


def _unless_secret(event):
    return None if event.key == "secret" else event
