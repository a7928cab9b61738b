"""The front: what it answers is what aiohttp's own way answers, only sooner."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec import Struct
from yarl import URL

from serai import Api, Call, NotFound, Page, PageQuery, PluginInfo
from serai.identity.fields import FieldPolicy
from serai.web.cursors import Cursors
from serai.web.path_table import PathTable
from serai.web.plugin_app import Routes, build_site

api = Api(version=1)


class Lamp(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A lamp."""

    name: str
    room: str


@api.get("/lamps", public=True)
async def list_lamps(call: Call, query: PageQuery) -> Page[Lamp]:
    """Lamps."""
    call.headers["X-Data-As-Of"] = "2026-01-01T00:00:00Z"
    return Page(items=[Lamp(name="sun", room="sky")][: query.limit], next_cursor=call.cursor(query, [1]))


@api.get("/lamps/newest", public=True)
async def get_newest(call: Call) -> Lamp:
    """The newest lamp."""
    return Lamp(name="newest", room="hall")


@api.get("/lamps/{name}", public=True)
async def get_lamp(call: Call, name: str) -> Lamp:
    """One lamp."""
    if name == "none":
        raise NotFound("There is no such lamp")
    if name == "broken":
        raise RuntimeError("a lamp broke")
    return Lamp(name=name, room="hall")


@api.get("/rooms/{room}/lamps/{number}", public=True)
async def get_lamp_of_room(call: Call, room: str, number: int) -> Lamp:
    """A lamp of a room."""
    return Lamp(name=str(number), room=room)


@api.get("/secret", permission="demo:read")
async def get_secret(call: Call) -> Lamp:
    """Nobody here has a key."""
    return Lamp(name="secret", room="cellar")


@api.post("/lamps", public=True)
async def add_lamp(call: Call, body: Lamp) -> Lamp:
    """Add a lamp."""
    return body


@pytest.fixture
async def kernel(small_kernel: Any) -> Any:
    kernel = await small_kernel()
    context = SimpleNamespace(name="demo", stopping=asyncio.Event())
    info = PluginInfo(title="Demo", kernel=">=1.0,<2")
    routes = Routes(name="demo", version="1", summary="", info=info, apis=[api], tables=[])
    site = build_site(routes, context, Cursors([b"k" * 32]), FieldPolicy(), None)
    await kernel.mounts.publish("demo", site, start_limit=5)
    return kernel


PATHS = [
    "/lamps",
    "/lamps?limit=1",
    "/lamps?limit=0&colour=red",
    "/lamps/newest",
    "/lamps/sun",
    "/lamps/none",
    "/lamps/broken",
    "/lamps/sun?x=1",
    "/rooms/hall/lamps/7",
    "/rooms/hall/lamps/seven",
    "/secret",
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_both_ways_answer_the_same(kernel: Any, method: str, path: str) -> None:
    """`%6C` is an l: what is percent-encoded goes aiohttp's way."""
    answers = []
    for prefix in ("/demo/api/v1", "/demo/%61pi/v1"):
        response = await kernel.client.request(method, URL(prefix + path, encoded=True))
        headers = [
            (name, value.replace("%61pi", "api"))
            for name, value in response.headers.items()
            if name.lower() not in {"date", "x-request-id"}
        ]
        request_id = response.headers["X-Request-Id"].encode()
        answers.append((response.status, sorted(headers), (await response.read()).replace(request_id, b"")))
    assert answers[0] == answers[1]
    first, second = kernel.recorded.lines
    assert (first.template, first.status, first.size) == (second.template, second.status, second.size)
    assert first.template.startswith("/demo/api/v1/")


@pytest.mark.parametrize(
    ("path", "status"), [("/demo/api/v1/lamps/a/b", 404), ("/demo/api/v1/lamps/", 404), ("/demo", 404), ("/other", 404)]
)
async def test_what_no_route_has_is_not_found(kernel: Any, path: str, status: int) -> None:
    assert (await kernel.client.get(path)).status == status


async def test_other_methods_go_their_way(kernel: Any) -> None:
    assert (await kernel.client.post("/demo/api/v1/lamps", json={"name": "a", "room": "b"})).status == 200
    refused = await kernel.client.delete("/demo/api/v1/lamps")
    assert (refused.status, refused.headers["Allow"]) == (405, "GET,HEAD,POST")


async def test_a_client_of_http_1_0_is_answered_and_let_go(kernel: Any) -> None:
    server = kernel.client.server
    reader, writer = await asyncio.open_connection(server.host, server.port)
    writer.write(b"GET /demo/api/v1/lamps/sun HTTP/1.0\r\n\r\n")
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.0 200 OK")
    assert b"Connection: close" in head
    assert body == b'{"name":"sun","room":"hall"}'
    writer.close()
    await writer.wait_closed()


async def test_requests_in_one_packet_are_answered_in_order(kernel: Any) -> None:
    server = kernel.client.server
    reader, writer = await asyncio.open_connection(server.host, server.port)
    last = b"GET /demo/api/v1/lamps/3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    writer.write(
        b"".join(b"GET /demo/api/v1/lamps/%d HTTP/1.1\r\nHost: x\r\n\r\n" % number for number in (1, 2)) + last
    )
    answer = await reader.read()
    assert [answer.find(b'"name":"%d"' % number) > 0 for number in (1, 2, 3)] == [True] * 3
    assert answer.find(b'"name":"1"') < answer.find(b'"name":"2"') < answer.find(b'"name":"3"')
    writer.close()
    await writer.wait_closed()


async def test_a_withdrawn_plugin_is_not_answered_for(kernel: Any) -> None:
    assert (await kernel.client.get("/demo/api/v1/lamps/sun")).status == 200
    await kernel.mounts.withdraw("demo", 1)
    assert (await kernel.client.get("/demo/api/v1/lamps/sun")).status == 503


def test_a_path_finds_its_route_and_the_values_of_its_parameters() -> None:
    table: PathTable[str] = PathTable()
    table.publish("a", {("GET", "/x"): "x", ("GET", "/x/{id}"): "one", ("GET", "/x/{id}/y/{n}"): "deep"})
    assert table.find("GET", "/a/x") == ("x", {})
    assert table.find("GET", "/a/x/1") == ("one", {"id": "1"})
    assert table.find("GET", "/a/x/1/y/2") == ("deep", {"id": "1", "n": "2"})
    for path in ("/a", "/a/", "/a/x/", "/a/x/1/y", "/a/x/{}", "/b/x", "", "*", "/a/x/%31", "/a//x"):
        assert table.find("GET", path) is None
    assert table.find("POST", "/a/x") is None
    table.withdraw("a")
    assert table.find("GET", "/a/x") is None
