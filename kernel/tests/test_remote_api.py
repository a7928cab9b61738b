"""The API of another deployment, as a real server on a loopback port answers it."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import UTC, date, datetime

import pytest
from aiohttp import web
from msgspec import Struct

from serai.declarations import Event, Followed, Topic
from serai.errors import NotFound, Unavailable
from serai.outgoing.answers import RemoteProblem
from serai.outgoing.remote_api import RemoteApi

KEY = "srk_test"


class Thing(Struct, frozen=True, kw_only=True):
    """A thing."""

    name: str


class ThingNotFound(NotFound):
    """There is no such thing."""

    slug = "thing-not-found"


THINGS = Topic(name="demo.thing", payload=Thing)


class Elsewhere:
    """Another deployment: answers what it was told to, in turn; the last answer stays."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, object, dict[str, str]]] = []
        self.asked: list[web.Request] = []

    def will(self, status: int, body: object = None, **headers: str) -> Elsewhere:
        self.answers.append((status, body, {name.replace("_", "-"): value for name, value in headers.items()}))
        return self

    def refuses(self, status: int, slug: str, detail: str = "", **more: object) -> Elsewhere:
        return self.will(status, {"type": f"/-/problems/{slug}", "status": status, "detail": detail, **more})

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(request)
        status, body, headers = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if headers.get("ETag") and request.headers.get("If-None-Match") == headers["ETag"]:
            status, body = 304, None
        return (
            web.Response(status=status, headers=headers)
            if body is None
            else web.json_response(body, status=status, headers=headers)
        )


@pytest.fixture
def elsewhere():
    return Elsewhere()


@pytest.fixture
async def api(aiohttp_server, elsewhere):
    app = web.Application()
    app.router.add_route("*", "/demo/{tail:.*}", elsewhere.answer)
    server = await aiohttp_server(app)
    async with RemoteApi.open("demo", f"http://127.0.0.1:{server.port}/", KEY) as api:
        yield api


async def test_a_thing_is_asked_for_with_the_key_and_sent_again_only_when_it_changed(api, elsewhere):
    elsewhere.will(200, {"name": "a", "later": "keys of later versions pass"}, ETag='"1"')
    query = {"day": date(2026, 5, 1), "deep": True, "fields": ["name", "size"], "left_out": None}
    first = await api.get("/things/1", Thing, query)
    assert first == await api.get("/things/1", Thing, query) == Thing(name="a")
    asked, again = elsewhere.asked
    assert asked.path_qs == "/demo/api/v1/things/1?day=2026-05-01&deep=true&fields=name,size"
    assert asked.headers["Authorization"] == f"Bearer {KEY}"
    assert again.headers["If-None-Match"] == '"1"'


async def test_what_is_busy_is_asked_again_when_it_says(api, elsewhere):
    elsewhere.will(503, Retry_After="0").will(429, Retry_After="0").will(502).will(200, {"name": "a"})
    assert await api.get("/things/1", Thing) == Thing(name="a")
    assert len(elsewhere.asked) == 4


async def test_nobody_waits_longer_than_makes_sense(api, elsewhere):
    elsewhere.refuses(503, "unavailable", "demo is stopped")
    elsewhere.answers[0][2]["Retry-After"] = "600"
    with pytest.raises(RemoteProblem, match=r"demo at .* answered 503 unavailable: demo is stopped"):
        await api.get("/things/1", Thing)
    assert len(elsewhere.asked) == 1


async def test_problems_become_the_classes_that_are_known_and_one_that_says_where(api, elsewhere):
    elsewhere.refuses(404, "thing-not-found", "there is no thing 1", hint="look again")
    with pytest.raises(ThingNotFound, match=r"there is no thing 1 \(look again\)"):
        await api.get("/things/1", Thing, raises=[ThingNotFound])
    elsewhere.answers.clear()
    elsewhere.refuses(403, "forbidden", "The key lacks demo:read", hint="ask for it")
    with pytest.raises(RemoteProblem, match="403 forbidden: The key lacks demo:read") as caught:
        await api.get("/things/1", Thing, raises=[ThingNotFound])
    problem = caught.value
    assert (problem.status, problem.status_there, problem.slug_there, problem.hint) == (
        503, 403, "forbidden", "ask for it",
    )  # fmt: skip
    mistake = {"pointer": "/limit", "expected": "integer", "found": "text"}
    elsewhere.answers.clear()
    elsewhere.refuses(400, "invalid-request", "1 mistake", errors=[mistake])
    with pytest.raises(RemoteProblem, match="1 mistake; /limit: expected integer, found text"):
        await api.post("/things:find", {}, Thing)
    elsewhere.answers.clear()
    elsewhere.will(500)
    with pytest.raises(RemoteProblem, match="answered 500"):
        await api.get("/things/1", Thing)


async def test_what_is_no_answer_of_the_api_is_told_without_its_content(api, elsewhere):
    elsewhere.will(200, {"nam": "somebody"})
    with pytest.raises(RemoteProblem, match="answered what is not its API: Object missing required field `name`"):
        await api.get("/things/1", Thing)


async def test_a_list_is_paged_through(api, elsewhere):
    elsewhere.will(200, {"items": [{"name": "a"}, {"name": "b"}], "next_cursor": "c1"})
    elsewhere.will(200, {"items": [{"name": "c"}], "next_cursor": None})
    found = [thing.name async for thing in api.pages("/things", Thing, {"q": "x"})]
    assert found == ["a", "b", "c"]
    assert [request.query.get("cursor") for request in elsewhere.asked] == [None, "c1"]
    assert all(request.query["q"] == "x" for request in elsewhere.asked)


def item(key: str, data: object) -> dict[str, object]:
    return {"topic": "demo.thing", "seq": int(key), "key": key, "at": "2026-05-01T01:00:00Z", "data": data}


def event(key: str, name: str | None) -> Event[Thing]:
    at = datetime(2026, 5, 1, 1, tzinfo=UTC)
    return Event(seq=int(key), topic="demo.thing", key=key, payload=None if name is None else Thing(name=name), at=at)


async def test_a_follower_begins_with_a_copy_goes_on_and_begins_anew_when_it_missed_something(api, elsewhere):
    elsewhere.will(200, {"items": [], "next_since": "s0", "more": False})
    elsewhere.will(200, {"items": [item("1", {"name": "a"}), item("2", None)], "next_since": "s2", "more": False})
    elsewhere.will(503, Retry_After="0")  # away for a while
    elsewhere.refuses(410, "feed-position-gone", resync={"snapshot": "/things", "since": "s8"})
    elsewhere.will(200, {"items": [], "next_since": "s9", "more": False})
    elsewhere.will(200, {"items": [item("9", {"name": "b"})], "next_since": "s10", "more": False})
    steps = []
    async with aclosing(api.follow("/changes", [THINGS])) as following, asyncio.timeout(10):
        async for step in following:
            steps.append(step)
            if len(steps) == 5:
                break
    assert steps == [
        Followed(event=None, since="s0"),
        Followed(event=event("1", "a"), since="s0"),
        Followed(event=event("2", None), since="s2"),
        Followed(event=None, since="s9"),
        Followed(event=event("9", "b"), since="s10"),
    ]
    assert [request.query["since"] for request in elsewhere.asked] == ["now", "s0", "s2", "s2", "now", "s9"]


async def test_a_follower_whose_key_is_refused_is_told(api, elsewhere):
    elsewhere.refuses(401, "unauthenticated", "The key is unknown")
    with pytest.raises(RemoteProblem, match="401 unauthenticated"):
        await anext(api.follow("/changes", [THINGS], "s0"))


async def test_the_version_is_that_of_the_document_and_a_server_that_is_gone_is_named(api, elsewhere, unused_tcp_port):
    elsewhere.will(200, {"openapi": "3.1.0", "info": {"title": "demo", "version": "1.4.0"}}, ETag='"d"')
    assert await api.version() == await api.version() == "1.4.0"
    assert elsewhere.asked[1].headers["If-None-Match"] == '"d"'
    async with RemoteApi.open("demo", f"http://127.0.0.1:{unused_tcp_port}", KEY) as gone:
        with pytest.raises(Unavailable, match="cannot be reached"):
            await gone.version()
