"""Mounts through a real server: what a foreign protocol gets of the kernel, and what its clients see."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import msgspec
import pytest

from serai import Call, Forbidden, Mount, PluginInfo, RawAnswer, RawRequest
from serai.identity.fields import FieldPolicy
from serai.web.cursors import Cursors
from serai.web.plugin_app import Routes, build_site


async def echo(call: Call, request: RawRequest) -> RawAnswer:
    """Says what came."""
    if request.path == "/secret":
        raise Forbidden("Not for you")
    call.headers["X-Seen-By"] = call.ctx.name
    said = [request.method, request.root, request.path, request.query, request.headers.get("x-colour")]
    return RawAnswer(status=207, body=msgspec.json.encode([*said, request.body.decode()]), headers={"DAV": "1"})


def teapot(problem) -> RawAnswer:
    return RawAnswer(status=problem.status, body=problem.slug.encode(), headers={"Content-Type": "text/tea"})


@pytest.fixture
async def serve(small_kernel):
    async def make(mount: Mount, public_url=None, **options):
        kernel = await small_kernel(**options)
        info = PluginInfo(title="Demo", kernel=">=1.0,<2", body_limit=2048)
        routes = Routes(name="demo", version="1", summary="", info=info, apis=(), tables=(), mounts=(mount,))
        context = SimpleNamespace(name="demo", stopping=asyncio.Event())
        site = build_site(routes, context, Cursors([b"key"]), FieldPolicy(), None, public_url)
        await kernel.mounts.publish("demo", site, start_limit=5)
        return kernel

    return make


async def test_everything_below_a_mount_comes_as_it_was_sent(serve):
    kernel = await serve(Mount(path="/dav", handler=echo, public=True), "https://serai.example/")
    sent = {"data": b"<x/>", "headers": {"X-Colour": "red"}}
    async with kernel.client.request("PROPFIND", "/demo/dav/a%20b/%E5%BC%A0?depth=1&x=%20", **sent) as answer:
        assert answer.status == 207
        assert answer.headers["DAV"] == "1"
        assert answer.headers["X-Seen-By"] == "demo"
        assert answer.headers["X-Request-Id"]
        root = "https://serai.example/demo/dav"
        assert msgspec.json.decode(await answer.read()) == [
            "PROPFIND", root, "/a b/张", "depth=1&x=%20", "red", "<x/>",
        ]  # fmt: skip
    assert kernel.recorded.lines[-1].template == "/demo/dav{path}"
    async with kernel.client.get("/demo/dav") as answer:
        assert (await answer.json(content_type=None))[2] == ""
    async with kernel.client.get("/demo/davos") as answer:
        assert answer.status == 404


async def test_the_root_is_what_the_client_called_where_no_public_url_is_set(serve):
    kernel = await serve(Mount(path="/dav", handler=echo, public=True))
    async with kernel.client.get("/demo/dav/x") as answer:
        assert (await answer.json(content_type=None))[1] == str(kernel.client.make_url("/demo/dav"))


async def test_a_mount_says_problems_in_its_own_words(serve):
    kernel = await serve(Mount(path="/dav", handler=echo, permission="demo:read", refuse=teapot))
    async with kernel.client.get("/demo/dav/x") as answer:
        assert (answer.status, answer.content_type, await answer.text()) == (401, "text/tea", "unauthenticated")
        assert answer.headers["WWW-Authenticate"]

    kernel = await serve(Mount(path="/dav", handler=echo, public=True, refuse=teapot))
    async with kernel.client.get("/demo/dav/secret") as answer:
        assert (answer.status, await answer.text()) == (403, "forbidden")

    async def parts():
        for _ in range(3):
            yield b"x" * 1024

    for body in (b"x" * 3072, parts()):
        async with kernel.client.put("/demo/dav/x", data=body) as answer:
            assert (answer.status, await answer.text()) == (413, "body-too-large")


async def test_without_words_of_its_own_the_kernel_says_problems(serve):
    kernel = await serve(Mount(path="/dav", handler=echo, public=True))
    async with kernel.client.get("/demo/dav/secret") as answer:
        assert (answer.status, answer.content_type) == (403, "application/problem+json")


@pytest.mark.parametrize("path", ["dav", "/dav/", "/{x}"])
def test_a_mount_states_a_plain_path_and_who_may_ask(path):
    with pytest.raises(ValueError, match="mount"):
        Mount(path=path, handler=echo, public=True)
    with pytest.raises(ValueError, match="permission"):
        Mount(path="/dav", handler=echo)
