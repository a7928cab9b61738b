"""What the kernel does around every handler, seen by clients and in logs."""

from __future__ import annotations

import asyncio
import re
from ipaddress import ip_network

import pytest
import structlog
from aiohttp import ClientPayloadError, WSCloseCode, web

from serai.errors import Conflict, DeviceDown, SeraiError
from serai.identity import clients
from serai.identity.addresses import Proxies
from serai.identity.keys import make_key
from serai.telemetry import current
from serai.web.keys import PRINCIPAL
from serai.web.limits import Limiter, TooManyRequests
from serai.web.route_table import Access


async def hello(request: web.Request) -> web.Response:
    return web.json_response({"who": request[PRINCIPAL].name, "kind": request[PRINCIPAL].kind})


def raises(error: BaseException):
    async def handler(request: web.Request) -> web.Response:
        raise error

    return handler


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def answer(kernel, path, **kwargs):
    async with kernel.client.get(path, **kwargs) as response:
        return response, (await response.json() if "json" in response.content_type else await response.read())


async def test_every_answer_has_an_id_of_its_own_which_the_log_line_has_too(small_kernel):
    kernel = await small_kernel(routes={"/-/x": hello}, access={hello: Access(public=True)})
    await kernel.publish("emp", {"/x": hello, "/fails": raises(ValueError())})
    ids = []
    for path in ("/-/x", "/emp/x", "/emp/nothing", "/nobody", "/emp/fails"):
        response, body = await answer(kernel, path, headers={"X-Request-Id": "chosen-by-the-client"})
        ids.append(response.headers["X-Request-Id"])
        assert body.get("request_id", ids[-1]) == ids[-1]
    assert len({*ids, "chosen-by-the-client"}) == 6
    assert [line.request_id for line in kernel.recorded.lines] == ids


async def test_logs_and_metrics_name_the_template_and_never_the_path(small_kernel):
    async def item(request: web.Request) -> web.Response:
        return web.Response(text="x" * 11)

    kernel = await small_kernel()
    await kernel.publish("emp", {"/item/{id}": item})
    async with kernel.client.get("/emp/item/13800138000?phone=13900139000") as response:
        assert response.status == 200
    async with kernel.client.get("/emp/13800138000") as response:
        assert response.status == 404
    async with kernel.client.put("/13800138000") as response:
        assert response.status == 404
    assert [(line.method, line.template, line.status) for line in kernel.recorded.lines] == [
        ("GET", "/emp/item/{id}", 200),
        ("GET", "/emp/*", 404),
        ("PUT", "/*", 404),
    ]
    assert kernel.recorded.lines[0].size == 11
    assert kernel.recorded.observed == [
        ("emp", "/emp/item/{id}", "GET", 200),
        ("emp", "/emp/*", "*", 404),
        ("kernel", "/*", "*", 404),
    ]


async def test_a_handler_runs_under_its_plugins_name_and_the_requests_id(small_kernel):
    async def which(request: web.Request) -> web.Response:
        return web.json_response([current.plugin.get(), current.request_id.get()])

    kernel = await small_kernel()
    await kernel.publish("emp", {"/x": which})
    response, body = await answer(kernel, "/emp/x")
    assert body == ["emp", response.headers["X-Request-Id"]]


async def test_without_a_key_only_public_routes_answer(small_kernel):
    async def open_(request: web.Request) -> web.Response:
        return await hello(request)

    kernel = await small_kernel()
    await kernel.publish("emp", {"/x": hello, "/open": open_}, access={open_: Access(public=True)})
    response, problem = await answer(kernel, "/emp/x")
    assert (response.status, response.content_type) == (401, "application/problem+json")
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="serai"'
    assert (problem["type"], problem["title"]) == ("/-/problems/unauthenticated", "Authentication is needed")
    response, body = await answer(kernel, "/emp/open")
    assert (response.status, body) == (200, {"who": "anyone", "kind": "anyone"})


async def test_a_key_opens_what_its_scopes_allow(small_kernel, identity_database):
    async def write(request: web.Request) -> web.Response:
        return await hello(request)

    async def raw(request: web.Request) -> web.Response:
        return await hello(request)

    client, key = await clients.add(identity_database, name="hr-portal", owner="x", scopes=["emp:read"])
    kernel = await small_kernel(database=identity_database)
    access = {hello: Access(permission="emp:read"), write: Access(permission="emp:write")}
    await kernel.publish("emp", {"/x": hello, "/write": write, "/raw": raw}, access=access)
    for path in ("/emp/x", "/emp/x", "/emp/raw"):
        response, body = await answer(kernel, path, headers=bearer(key))
        assert (response.status, body) == (200, {"who": "hr-portal", "kind": "client"})
    response, problem = await answer(kernel, "/emp/write", headers=bearer(key))
    assert (response.status, problem["permission"]) == (403, "emp:write")
    assert problem["detail"] == "hr-portal does not have the permission emp:write"
    for headers in (bearer(make_key()), bearer("x"), {"Authorization": "Basic eDp5"}):
        response, problem = await answer(kernel, "/emp/raw", headers=headers)
        assert response.status == 401
        assert response.headers["WWW-Authenticate"] == 'Bearer realm="serai", error="invalid_token"'
    assert [line.client for line in kernel.recorded.lines] == [client.id] * 4 + ["anyone"] * 3


async def test_a_wrong_key_is_refused_on_a_public_route_too(small_kernel, identity_database):
    kernel = await small_kernel(database=identity_database)
    await kernel.publish("emp", {"/x": hello})
    response, _ = await answer(kernel, "/emp/x", headers=bearer(make_key()))
    assert response.status == 401


async def test_the_address_of_a_bound_key_is_taken_from_trusted_proxies_only(small_kernel, identity_database):
    _, key = await clients.add(
        identity_database, name="rack-7", owner="x", scopes=[], networks=[ip_network("10.7.0.0/16")]
    )
    headers = {**bearer(key), "X-Forwarded-For": "10.7.1.1"}
    behind = await small_kernel(database=identity_database, proxies=Proxies([ip_network("127.0.0.0/8")]))
    direct = await small_kernel(database=identity_database)
    for kernel, status in ((behind, 200), (direct, 401), (behind, 200)):
        if not kernel.recorded.lines:
            await kernel.publish("emp", {"/x": hello}, access={})
        assert (await answer(kernel, "/emp/x", headers=headers))[0].status == status


async def test_a_probe_answers_without_the_database_whatever_the_host(small_kernel):
    kernel = await small_kernel(
        public_url="https://serai.example",
        routes={"/-/live": hello},
        access={hello: Access(probe=True)},
        burst=1,
        rate=1,
    )
    for _ in range(3):
        response, _ = await answer(kernel, "/-/live", headers={**bearer(make_key()), "Host": "10.0.0.5:8080"})
        assert response.status == 200


async def test_another_host_than_the_public_one_is_misdirected(small_kernel):
    kernel = await small_kernel(public_url="https://serai.example")
    await kernel.publish("emp", {"/x": hello})
    for host, status in (
        ("serai.example", 200),
        ("Serai.Example:443", 200),
        ("serai.example:8443", 421),
        ("evil.example", 421),
    ):
        response, _ = await answer(kernel, "/emp/x", headers={"Host": host})
        assert response.status == status, host
    own = await small_kernel(public_url="http://serai.example:8080/")
    await own.publish("emp", {"/x": hello})
    assert (await answer(own, "/emp/x", headers={"Host": "serai.example:8080"}))[0].status == 200
    assert (await answer(own, "/emp/x", headers={"Host": "serai.example"}))[0].status == 421


async def test_who_asks_too_fast_is_told_when_to_come_back_and_others_are_not(small_kernel, identity_database):
    keys = [(await clients.add(identity_database, name=name, owner="x", scopes=[]))[1] for name in ("fast", "slow")]
    kernel = await small_kernel(database=identity_database, rate=0.1, burst=2)
    await kernel.publish("emp", {"/x": hello})
    statuses = [(await answer(kernel, "/emp/x", headers=bearer(keys[0])))[0].status for _ in range(3)]
    assert statuses == [200, 200, 429]
    response, problem = await answer(kernel, "/emp/x", headers=bearer(keys[0]))
    assert 1 <= int(response.headers["Retry-After"]) <= 10
    assert problem["type"] == "/-/problems/too-many-requests"
    assert (await answer(kernel, "/emp/x", headers=bearer(keys[1])))[0].status == 200
    statuses = [(await answer(kernel, "/emp/x"))[0].status for _ in range(3)]
    assert statuses == [200, 200, 429]


async def test_who_tries_many_wrong_keys_is_stopped_before_the_database(small_kernel, identity_database):
    kernel = await small_kernel(database=identity_database, rate=0.1, burst=2)
    await kernel.publish("emp", {"/x": hello})
    statuses = [(await answer(kernel, "/emp/x", headers=bearer(make_key())))[0].status for _ in range(2)]
    assert statuses == [401, 401]
    await identity_database.pool.close()
    assert (await answer(kernel, "/emp/x", headers=bearer(make_key())))[0].status == 429


def test_the_limiter_lets_a_burst_pass_and_then_one_for_each_interval():
    now = 100.0
    limiter = Limiter(rate=10, burst=3, clock=lambda: now)
    for _ in range(3):
        limiter.take("a")
    with pytest.raises(TooManyRequests) as caught:
        limiter.take("a")
    assert caught.value.headers == {"Retry-After": "1"}
    with pytest.raises(TooManyRequests):
        limiter.check("a")
    limiter.check("b")
    now += 0.1
    limiter.take("a")
    with pytest.raises(TooManyRequests):
        limiter.take("a")
    now += 60
    for _ in range(3):
        limiter.take("a")
    with pytest.raises(TooManyRequests):
        limiter.take("a")


def test_the_limiter_remembers_only_so_many_callers(monkeypatch):
    monkeypatch.setattr(Limiter, "MOST_CALLERS", 2)
    limiter = Limiter(rate=1, burst=1, clock=lambda: 0.0)
    for caller in ("a", "b", "c"):
        limiter.take(caller)
    for caller in ("b", "c"):
        with pytest.raises(TooManyRequests):
            limiter.check(caller)
    limiter.check("a")


async def test_a_problem_becomes_its_document(small_kernel):
    class Taken(Conflict):
        slug = "number-taken"
        title = "The number is taken"

    kernel = await small_kernel()
    taken = Taken("13800138000 is with 00042", hint="free it first", members={"holder": "00042"}, headers={"X-Y": "z"})
    await kernel.publish("emp", {"/taken": raises(taken), "/down": raises(DeviceDown(headers={"Retry-After": "7"}))})
    response, problem = await answer(kernel, "/emp/taken")
    assert (response.status, response.headers["X-Y"], response.headers["Cache-Control"]) == (409, "z", "no-store")
    assert list(problem) == ["type", "title", "status", "detail", "request_id", "hint", "holder"]
    assert problem | {"request_id": ""} == {
        "type": "/-/problems/number-taken",
        "title": "The number is taken",
        "status": 409,
        "detail": "13800138000 is with 00042",
        "hint": "free it first",
        "request_id": "",
        "holder": "00042",
    }
    response, problem = await answer(kernel, "/emp/down")
    assert (response.status, response.headers["Retry-After"], problem["title"]) == (503, "7", "A device is not ready")


@pytest.mark.parametrize("error", [ValueError("password=hunter2"), TimeoutError("x"), SeraiError("hunter2")])
async def test_what_nobody_caught_is_a_500_that_tells_the_log_but_not_the_client(small_kernel, error):
    kernel = await small_kernel()
    await kernel.publish("emp", {"/x": raises(error)})
    with structlog.testing.capture_logs() as logs:
        async with kernel.client.get("/emp/x") as response:
            text = await response.text()
    assert response.status == 500
    assert "hunter2" not in text
    assert "Traceback" not in text
    assert response.headers["X-Request-Id"] in text
    (entry,) = logs
    assert entry["exc_info"]
    assert (entry["plugin"], entry["route"]) == ("emp", "/emp/x")
    assert entry["request_id"] == response.headers["X-Request-Id"]
    assert kernel.recorded.lines[-1].status == 500


async def test_a_handler_that_returns_no_response_is_a_500(small_kernel):
    async def forgets(request: web.Request) -> None:
        pass

    kernel = await small_kernel()
    await kernel.publish("emp", {"/x": forgets})
    response, problem = await answer(kernel, "/emp/x")
    assert (response.status, problem["type"]) == (500, "/-/problems/internal-error")


async def test_a_stream_that_fails_half_way_is_cut_and_logged(small_kernel):
    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"half")
        raise ValueError("the source went away")

    kernel = await small_kernel()
    await kernel.publish("emp", {"/x": stream})
    with structlog.testing.capture_logs() as logs:
        async with kernel.client.get("/emp/x") as response:
            with pytest.raises(ClientPayloadError):
                await response.read()
    assert [entry["event"] for entry in logs] == ["a request failed after its answer had begun"]


async def test_a_socket_whose_handler_fails_is_closed_with_1011(small_kernel):
    async def socket(request: web.Request) -> web.StreamResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        raise ValueError("the source went away")

    kernel = await small_kernel()
    await kernel.publish("emp", {"/x": socket})
    async with kernel.client.ws_connect("/emp/x") as ws:
        assert (await ws.receive()).data == WSCloseCode.INTERNAL_ERROR


@pytest.mark.parametrize("cancelled", [True, False], ids=["handlers cancelled", "handlers left alone"])
@pytest.mark.parametrize("request_line", [b"GET /emp/stream", b"POST /emp/reads"])
async def test_a_client_that_goes_away_is_no_error(small_kernel, eventually, cancelled, request_line):
    begun = asyncio.Event()

    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        begun.set()
        while True:
            await response.write(b"x" * 65536)

    async def reads(request: web.Request) -> web.Response:
        begun.set()
        return web.Response(body=await request.read())

    app = web.Application()
    app.router.add_get("/stream", stream)
    app.router.add_post("/reads", reads)
    kernel = await small_kernel()
    await kernel.publish("emp", app=app)
    runner = web.AppRunner(kernel.client.app, handler_cancellation=cancelled)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    with structlog.testing.capture_logs() as logs:
        _, writer = await asyncio.open_connection(*runner.addresses[0])
        writer.write(request_line + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n")
        await begun.wait()
        writer.transport.abort()
        await eventually(lambda: kernel.recorded.lines)
    await runner.cleanup()
    assert logs == []
    assert kernel.recorded.lines[0].status in (200, 499)


async def test_a_body_that_breaks_its_own_encoding_is_a_400(small_kernel):
    async def reads(request: web.Request) -> web.Response:
        return web.Response(body=await request.read())

    app = web.Application()
    app.router.add_post("/x", reads)
    kernel = await small_kernel()
    await kernel.publish("emp", app=app)
    async with kernel.client.post(
        "/emp/x", data=b"not gzip", headers={"Content-Encoding": "gzip"}, compress=False
    ) as r:
        problem = await r.json()
        assert (r.status, problem["type"]) == (400, "/-/problems/malformed-body")


async def test_every_answer_carries_the_security_headers(small_kernel):
    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        return response

    kernel = await small_kernel()
    await kernel.publish("emp", {"/x": hello, "/stream": stream})
    for path in ("/emp/x", "/emp/stream", "/emp/nothing", "/nobody"):
        response, _ = await answer(kernel, path)
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert response.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert response.headers["Cache-Control"] in ("private, no-cache", "no-store")
        assert not re.search(r"\d", response.headers["Server"])


async def test_a_plugin_may_state_its_own_caching_and_content_policy(small_kernel):
    async def page(request: web.Request) -> web.Response:
        return web.Response(
            headers={"Cache-Control": "public, max-age=60", "Content-Security-Policy": "img-src 'self'"}
        )

    kernel = await small_kernel()
    await kernel.publish("emp", {"/x": page})
    response, _ = await answer(kernel, "/emp/x")
    assert response.headers.getall("Cache-Control") == ["public, max-age=60"]
    assert response.headers.getall("Content-Security-Policy") == ["img-src 'self'"]


async def test_head_is_answered_under_the_same_rule_as_get(small_kernel):
    kernel = await small_kernel()
    await kernel.publish("emp", {"/x": hello}, access={hello: Access(permission="emp:read")})
    async with kernel.client.head("/emp/x") as response:
        assert (response.status, await response.read()) == (401, b"")


async def test_a_kernel_route_without_a_rule_needs_a_key(small_kernel):
    kernel = await small_kernel(routes={"/-/api/v1/x": hello})
    assert (await answer(kernel, "/-/api/v1/x"))[0].status == 401
