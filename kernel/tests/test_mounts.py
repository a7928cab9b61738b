"""Plugins come and go under a running server: every rule of aiohttp that this leans on, and every trap."""

from __future__ import annotations

import asyncio
import gc
import weakref
from contextlib import suppress
from io import BytesIO
from typing import Any

import pytest
from aiohttp import ClientPayloadError, WSCloseCode, WSMsgType, web, web_app
from aiohttp.test_utils import TestClient
from yarl import URL

from serai.errors import PluginError
from serai.web.mounts import DrainReport, StandIn


def says(text: str) -> Any:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(text=text)

    return handler


async def get(client: TestClient[Any, Any], path: str) -> tuple[int, Any]:
    async with client.get(path) as response:
        return response.status, (await response.json() if "json" in response.content_type else await response.text())


class Gate:
    """A handler that says when it was entered and waits until it may go on."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.open = asyncio.Event()

    async def __call__(self, request: web.Request) -> web.Response:
        self.entered.set()
        await self.open.wait()
        return web.Response(text="through")


def waiting(gate: Gate) -> Any:
    async def handler(request: web.Request) -> web.Response:
        return await gate(request)

    return handler


async def test_a_plugin_is_mounted_withdrawn_and_mounted_again_while_the_server_runs(small_kernel):
    kernel = await small_kernel(routes={"/-/core": says("core")})
    await kernel.publish("emp", {"/": says("one")})
    assert await get(kernel.client, "/emp/") == (200, "one")
    await kernel.mounts.withdraw("emp", 1)
    kernel.mounts.forget("emp")
    assert (await get(kernel.client, "/emp/"))[0] == 404
    await kernel.publish("emp", {"/": says("two")})
    assert await get(kernel.client, "/emp/") == (200, "two")


async def test_what_is_unknown_is_a_404_problem(small_kernel):
    kernel = await small_kernel()
    await kernel.publish("emp", {"/": says("one")})
    for path in ("/nobody/x", "/", "/emp/nothing", "/employee", "/em"):
        status, problem = await get(kernel.client, path)
        assert (status, problem["type"], problem["title"]) == (404, "/-/problems/not-found", "Not found"), path


async def test_the_prefix_is_a_whole_segment_of_the_decoded_path(small_kernel):
    kernel = await small_kernel()
    await kernel.publish("emp", {"/x": says("emp")})
    await kernel.publish("employee", {"/x": says("employee")})
    assert await get(kernel.client, "/employee/x") == (200, "employee")
    async with kernel.client.get(URL("/%65mp/x", encoded=True)) as response:
        assert (response.status, await response.text()) == (200, "emp")


async def test_a_plugin_of_another_method_answers_405_with_allow(small_kernel):
    kernel = await small_kernel()
    await kernel.publish("emp", {"/x": says("x")})
    async with kernel.client.post("/emp/x") as response:
        problem = await response.json()
        assert (response.status, response.headers["Allow"]) == (405, "GET,HEAD")
        assert problem["type"] == "/-/problems/method-not-allowed"


async def test_inside_a_plugin_aiohttp_works_as_its_authors_know_it(small_kernel):
    seen: list[str] = []

    @web.middleware
    async def middleware(request: web.Request, handler: Any) -> web.StreamResponse:
        seen.append("middleware" if request.app is app else "middleware elsewhere")
        return await handler(request)

    async def prepare(request: web.Request, response: web.StreamResponse) -> None:
        seen.append("prepare")

    async def context(app: web.Application) -> Any:
        seen.append("entered")
        yield
        seen.append("left")

    async def item(request: web.Request) -> web.Response:
        assert request.app is app
        return web.Response(text=f"{request.match_info['id']} {request.app.router['item'].url_for(id='7')}")

    app = web.Application(middlewares=[middleware])
    app.on_response_prepare.append(prepare)
    app.cleanup_ctx.append(context)
    app.router.add_get("/item/{id}", item, name="item")
    kernel = await small_kernel()
    await kernel.publish("emp", app=app)
    assert await get(kernel.client, "/emp/item/5") == (200, "5 /emp/item/7")
    await kernel.mounts.withdraw("emp", 1)
    assert seen == ["entered", "middleware", "prepare", "left"]


async def test_a_plugin_raises_aiohttps_own_answers(small_kernel):
    async def elsewhere(request: web.Request) -> web.Response:
        away = web.HTTPFound("/emp/there")
        away.set_cookie("seen", "yes")
        raise away

    async def gone(request: web.Request) -> web.Response:
        raise web.HTTPGone(text="that employee left")

    kernel = await small_kernel()
    await kernel.publish("emp", {"/away": elsewhere, "/there": says("there"), "/gone": gone})
    async with kernel.client.get("/emp/away", allow_redirects=False) as response:
        assert (response.status, response.headers["Location"]) == (302, "/emp/there")
        assert response.cookies["seen"].value == "yes"
    status, problem = await get(kernel.client, "/emp/gone")
    assert (status, problem["title"], problem["detail"]) == (410, "Gone", "that employee left")


async def test_a_start_that_raises_publishes_nothing_and_leaves_the_context_it_entered(small_kernel):
    seen: list[str] = []

    async def entered(app: web.Application) -> Any:
        seen.append("entered")
        yield
        seen.append("left")

    async def fails(app: web.Application) -> Any:
        raise RuntimeError("no licence")
        yield

    app = web.Application()
    app.cleanup_ctx.extend([entered, fails])
    kernel = await small_kernel(routes={"/-/core": says("core")})
    with pytest.raises(RuntimeError, match="no licence"):
        await kernel.publish("emp", {"/": says("one")}, app=app)
    assert seen == ["entered", "left"]
    assert (await get(kernel.client, "/emp/"))[0] == 404
    assert (await get(kernel.client, "/-/core"))[0] == 401


async def test_a_start_that_hangs_is_given_up(small_kernel):
    async def hangs(app: web.Application) -> None:
        await asyncio.Event().wait()

    app = web.Application()
    app.on_startup.append(hangs)
    kernel = await small_kernel()
    with pytest.raises(PluginError, match=r"emp did not start within 0\.05 s"):
        await kernel.publish("emp", app=app, start_limit=0.05)
    assert (await get(kernel.client, "/emp/"))[0] == 404


async def test_routes_added_while_the_application_starts_are_refused(small_kernel):
    async def adds(app: web.Application) -> None:
        app.router.add_get("/late", says("late"))

    app = web.Application()
    app.on_startup.append(adds)
    kernel = await small_kernel()
    with pytest.raises(RuntimeError, match="frozen router"):
        await kernel.publish("emp", app=app)
    assert (await get(kernel.client, "/emp/late"))[0] == 404


async def test_an_application_is_mounted_only_once(small_kernel):
    kernel = await small_kernel()
    app = await kernel.publish("a", {"/x": says("x")})
    with pytest.raises(PluginError, match="mounted before"):
        await kernel.publish("b", app=app)
    with pytest.raises(PluginError, match="a is mounted already"):
        await kernel.publish("a", {"/x": says("y")})
    assert await get(kernel.client, "/a/x") == (200, "x")


async def test_the_root_runs_a_plugins_middlewares_because_it_has_one_itself(small_kernel):
    @web.middleware
    async def marks(request: web.Request, handler: Any) -> web.StreamResponse:
        response = await handler(request)
        response.headers["Marked"] = "yes"
        return response

    kernel = await small_kernel()
    await kernel.publish("emp", {"/": says("x")}, app=web.Application(middlewares=[marks]))
    async with kernel.client.get("/emp/") as response:
        assert response.headers["Marked"] == "yes"


async def test_a_stand_in_answers_503_with_state_reason_and_hint(small_kernel):
    kernel = await small_kernel()
    kernel.mounts.stand_in(
        "emp", StandIn(state="blocked", reason="isapi is stopped", hint="start isapi", retry_after=30)
    )
    async with kernel.client.post("/emp/api/v1/x", data=b"x" * 4096) as response:
        problem = await response.json()
        assert (response.status, response.headers["Retry-After"]) == (503, "30")
    assert kernel.recorded.observed == [("emp", "/emp/*", "*", 503)]
    assert problem["detail"] == "emp is blocked: isapi is stopped"
    assert (problem["plugin"], problem["state"], problem["reason"]) == ("emp", "blocked", "isapi is stopped")
    assert (problem["hint"], problem["request_id"]) == ("start isapi", response.headers["X-Request-Id"])
    await kernel.publish("emp", {"/": says("one")})
    assert await get(kernel.client, "/emp/") == (200, "one")


async def test_nothing_can_stand_in_for_a_plugin_that_serves(small_kernel):
    kernel = await small_kernel()
    await kernel.publish("emp", {"/": says("one")})
    with pytest.raises(PluginError, match="emp serves"):
        kernel.mounts.stand_in("emp", StandIn(state="failed", reason="?"))
    with pytest.raises(PluginError, match="nobody is not mounted"):
        await kernel.mounts.withdraw("nobody", 1)
    assert await get(kernel.client, "/emp/") == (200, "one")


async def test_a_running_request_finishes_while_new_ones_are_told_to_come_back(small_kernel):
    gate = Gate()
    kernel = await small_kernel()
    await kernel.publish("emp", {"/slow": waiting(gate), "/quick": says("quick")})
    slow = asyncio.create_task(get(kernel.client, "/emp/slow"))
    await gate.entered.wait()
    leaving = asyncio.create_task(kernel.mounts.withdraw("emp", 5))
    await asyncio.sleep(0)
    async with kernel.client.get("/emp/quick") as response:
        assert (response.status, response.headers["Retry-After"]) == (503, "5")
        assert (await response.json())["state"] == "draining"
    gate.open.set()
    assert await slow == (200, "through")
    assert await leaving == DrainReport(finished=1)


async def test_a_request_that_was_routed_but_not_begun_is_told_to_come_back(small_kernel):
    """Between routing and the middleware aiohttp may wait, as here for `Expect: 100-continue`."""
    routed, go_on = asyncio.Event(), asyncio.Event()

    async def expect(request: web.Request) -> None:
        routed.set()
        await go_on.wait()

    app = web.Application()
    app.router.add_post("/x", says("x"), expect_handler=expect)
    kernel = await small_kernel()
    await kernel.publish("emp", app=app)
    request = asyncio.create_task(kernel.client.post("/emp/x", headers={"Expect": "100-continue"}))
    await routed.wait()
    assert await kernel.mounts.withdraw("emp", 1) == DrainReport()
    go_on.set()
    async with await request as response:
        assert response.status == 503
        assert (await response.json())["plugin"] == "emp"


async def test_sockets_are_closed_with_1012(small_kernel):
    async def socket(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        async for message in ws:
            await ws.send_str(message.data)
        return ws

    kernel = await small_kernel()
    await kernel.publish("emp", {"/ws": socket})
    async with kernel.client.ws_connect("/emp/ws") as ws:
        await ws.send_str("hello")
        assert await ws.receive_str() == "hello"
        leaving = asyncio.create_task(kernel.mounts.withdraw("emp", 5))
        message = await ws.receive()
        assert (message.type, message.data) == (WSMsgType.CLOSE, WSCloseCode.SERVICE_RESTART)
        assert message.extra == "the plugin is stopping"
        assert await leaving == DrainReport(finished=1, sockets=1)


async def test_an_event_stream_that_watches_stopping_ends_with_its_last_event(small_kernel):
    stopping = asyncio.Event()

    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b"data: first\n\n")
        await stopping.wait()
        await response.write(b"data: last\n\n")
        return response

    kernel = await small_kernel()
    await kernel.publish("emp", {"/events": stream}, stopping=stopping)
    async with kernel.client.get("/emp/events") as response:
        assert response.headers["X-Request-Id"]
        assert await response.content.readline() == b"data: first\n"
        leaving = asyncio.create_task(kernel.mounts.withdraw("emp", 5))
        assert (await response.content.read()).endswith(b"data: last\n\n")
    assert await leaving == DrainReport(finished=1)


async def test_a_stuck_request_is_cancelled_and_answered_503(small_kernel):
    gate = Gate()
    kernel = await small_kernel()
    await kernel.publish("emp", {"/stuck": waiting(gate)})
    stuck = asyncio.create_task(get(kernel.client, "/emp/stuck"))
    await gate.entered.wait()
    assert await kernel.mounts.withdraw("emp", 0.05) == DrainReport(cut=1)
    status, problem = await stuck
    assert (status, problem["state"]) == (503, "draining")


async def test_a_request_that_ignores_its_cancellation_is_reported_and_left(small_kernel, monkeypatch):
    monkeypatch.setattr("serai.web.traffic.CUT_LIMIT", 0.05)
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def stubborn(request: web.Request) -> web.Response:
        entered.set()
        while not go_on.is_set():
            with suppress(asyncio.CancelledError):
                await go_on.wait()
        return web.Response(text="at last")

    kernel = await small_kernel()
    await kernel.publish("emp", {"/x": stubborn})
    request = asyncio.create_task(get(kernel.client, "/emp/x"))
    await entered.wait()
    assert await kernel.mounts.withdraw("emp", 0.05) == DrainReport(cut=1, stuck=1)
    go_on.set()
    assert await request == (200, "at last")


async def test_a_stream_that_ignores_stopping_is_cut_and_not_answered_twice(small_kernel):
    begun = asyncio.Event()

    async def rude(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"data: first\n\n")
        begun.set()
        await asyncio.Event().wait()
        return response

    kernel = await small_kernel()
    await kernel.publish("emp", {"/rude": rude})
    async with kernel.client.get("/emp/rude") as response:
        await begun.wait()
        assert await kernel.mounts.withdraw("emp", 0.05) == DrainReport(cut=1)
        with pytest.raises(ClientPayloadError):
            await response.read()


async def test_a_socket_that_will_not_close_is_cut(small_kernel):
    async def deaf(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        await asyncio.Event().wait()
        return ws

    kernel = await small_kernel()
    await kernel.publish("emp", {"/ws": deaf})
    async with kernel.client.ws_connect("/emp/ws", autoclose=False) as ws:
        report = await kernel.mounts.withdraw("emp", 0.05)
        assert report == DrainReport(cut=1, sockets=1)
        assert (await ws.receive()).type is WSMsgType.CLOSE


async def test_a_cleanup_that_raises_or_hangs_is_told_and_the_plugin_is_gone(small_kernel):
    async def raises(app: web.Application) -> None:
        raise ValueError("the modem is jammed")

    async def hangs(app: web.Application) -> None:
        await asyncio.Event().wait()

    kernel = await small_kernel()
    for cleanup, error in ((raises, "ValueError: the modem is jammed"), (hangs, "the cleanup did not end within 1 s")):
        app = web.Application()
        app.on_cleanup.append(cleanup)
        await kernel.publish("emp", app=app)
        assert await kernel.mounts.withdraw("emp", 0) == DrainReport(error=error)
        assert (await get(kernel.client, "/emp/"))[0] == 503


async def test_the_roots_shutdown_withdraws_all_plugins_the_last_first(small_kernel):
    left: list[str] = []
    kernel = await small_kernel()
    for name in ("a", "b", "c"):

        async def leave(app: web.Application, name: str = name) -> None:
            left.append(name)

        app = web.Application()
        app.on_cleanup.append(leave)
        await kernel.publish(name, app=app)
    await kernel.client.close()
    await kernel.client.server.close()
    assert left == ["c", "b", "a"]


async def test_the_roots_shutdown_lets_a_running_request_finish(small_kernel):
    gate = Gate()
    kernel = await small_kernel(shutdown_grace=5)
    await kernel.publish("emp", {"/slow": waiting(gate)})
    slow = asyncio.create_task(get(kernel.client, "/emp/slow"))
    await gate.entered.wait()
    closing = asyncio.create_task(kernel.client.server.close())
    gate.open.set()
    assert await slow == (200, "through")
    await closing


async def test_a_plugin_that_left_is_freed_once_its_connections_are(small_kernel):
    kernel = await small_kernel()
    app = weakref.ref(await kernel.publish("emp", {"/": says("one")}))
    async with kernel.client.get("/emp/", headers={"Connection": "close"}) as response:
        assert response.status == 200
    await kernel.mounts.withdraw("emp", 1)
    web_app._cached_build_middleware.cache_clear()
    gc.collect()
    assert app() is None


async def test_one_plugin_comes_and_goes_under_clients_of_another(small_kernel):
    kernel = await small_kernel()
    await kernel.publish("steady", {"/": says("steady")})
    done = asyncio.Event()
    answers: dict[str, set[int]] = {"steady": set(), "emp": set()}

    async def ask(name: str) -> None:
        while not done.is_set():
            answers[name].add((await get(kernel.client, f"/{name}/"))[0])

    clients = [asyncio.create_task(ask(name)) for name in ("steady", "steady", "emp", "emp")]
    for _ in range(30):
        await kernel.publish("emp", {"/": says("emp")})
        await get(kernel.client, "/emp/")
        assert not (await kernel.mounts.withdraw("emp", 1)).cut
        kernel.mounts.forget("emp")
    done.set()
    await asyncio.gather(*clients)
    assert answers["steady"] == {200}
    assert answers["emp"] <= {200, 404, 503}


async def test_the_limit_of_a_body_is_the_plugins_own(small_kernel):
    async def size(request: web.Request) -> web.Response:
        return web.Response(text=str(len(await request.read())))

    async def pieces() -> Any:
        for _ in range(4):
            yield b"x" * 1024

    kernel = await small_kernel()
    for name, limit in (("small", 2048), ("large", 4 * 1024 * 1024)):
        app = web.Application(client_max_size=10)
        app.router.add_post("/", size)
        await kernel.publish(name, app=app, body_limit=limit)
    for body in (b"x" * 4096, pieces()):
        async with kernel.client.post("/small/", data=body) as response:
            problem = await response.json()
            assert (response.status, problem["type"]) == (413, "/-/problems/body-too-large")
    for body, length in ((BytesIO(b"x" * 3_000_000), "3000000"), (pieces(), "4096")):
        async with kernel.client.post("/large/", data=body) as response:
            assert (response.status, await response.text()) == (200, length)
