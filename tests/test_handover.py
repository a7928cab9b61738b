"""Plugins stop and start, workers take over from each other; whoever calls another plugin meanwhile notices nothing."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from contextlib import asynccontextmanager

import aiohttp
import pytest

from serai.cli.house import opened
from serai.config.deployment import read
from serai.hosting.overrides import set_stopped
from serai.hosting.reports import read_reports

GOOD = """
from aiohttp import web
from serai import PluginInfo, hookimpl

routes = web.RouteTableDef()

@routes.get("/hello")
async def hello(request):
    return web.json_response({"hello": "world"})

@hookimpl
def plugin_info():
    return PluginInfo(title="Good", kernel=">=1.0,<2")

@hookimpl
def register_routes():
    return [routes]
"""

OTHER = """
import asyncio
from contextlib import asynccontextmanager
from aiohttp import web
from serai import PluginInfo, hookimpl

routes = web.RouteTableDef()
contexts = []

@routes.get("/hello")
async def hello(request):
    return web.json_response({"hello": "other"})

@routes.get("/socket")
async def socket(request):
    answer = web.WebSocketResponse()
    await answer.prepare(request)
    await answer.send_str("open")
    async for message in answer:
        pass
    return answer

@routes.get("/stream")
async def stream(request):
    answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await answer.prepare(request)
    await answer.write(b"data: open\\n\\n")
    await contexts[-1].stopping.wait()
    await answer.write(b"data: bye\\n\\n")
    return answer

@routes.get("/stuck")
async def stuck(request):
    await asyncio.Event().wait()

@hookimpl
def plugin_info():
    return PluginInfo(title="Other", kernel=">=1.0,<2")

@hookimpl
def register_routes():
    return [routes]

@hookimpl
@asynccontextmanager
async def lifespan(ctx):
    contexts.append(ctx)
    yield
"""

TOML = f"""
[kernel]
plugins = ["good", "other"]
keys = ["{"k" * 48}"]
stop_grace = 2
client_rate = 100000
client_burst = 100000
"""
CYCLES = 100
HAND_OVERS = 10
CLIENTS = 16


@pytest.fixture(scope="module")
def serai(run_serai_once, install_wheels):
    running = run_serai_once(TOML, install_wheels({"good": GOOD, "other": OTHER}))
    running.start()
    running.wait_ready()
    running.add_client("kernel:read")
    return running


class BusyClients:
    """They ask without a pause and never twice for the same; half of them connect anew for every request."""

    def __init__(self, serai) -> None:
        self._serai = serai
        self.answers: Counter[str] = Counter()

    @asynccontextmanager
    async def asking(self, path: str):
        stop = asyncio.Event()
        tasks = [asyncio.create_task(self._ask(path, number % 2 == 0, stop)) for number in range(CLIENTS)]
        yield
        stop.set()
        await asyncio.gather(*tasks)

    async def _ask(self, path: str, anew: bool, stop: asyncio.Event) -> None:
        async with session(self._serai, force_close=anew) as client:
            while not stop.is_set():
                try:
                    async with client.get(path) as answer:
                        await answer.read()
                        self.answers[str(answer.status)] += 1
                except (aiohttp.ClientError, OSError) as error:
                    self.answers[repr(error)] += 1
                await asyncio.sleep(0.005)


@asynccontextmanager
async def session(serai, *, force_close=False):
    """A client that tries nothing again; by itself aiohttp's does where a kept connection turns out to be closed."""
    headers = {"Authorization": f"Bearer {serai.key}"}
    async with aiohttp.ClientSession(
        f"http://127.0.0.1:{serai.port}",
        headers=headers,
        connector=aiohttp.TCPConnector(force_close=force_close),
        timeout=aiohttp.ClientTimeout(30),
    ) as client:
        client._retry_connection = False
        yield client


async def until_so(condition, what: str, limit: float = 30.0):
    async with asyncio.timeout(limit):
        while not await condition():  # noqa: ASYNC110  another process changes it
            await asyncio.sleep(0.01)


async def test_no_request_fails_while_another_plugin_stops_and_starts_a_hundred_times(serai):
    clients = BusyClients(serai)
    async with opened(read(serai.file, serai.environment)) as house, clients.asking("/good/hello"):

        async def want(stopped: bool) -> None:
            await set_stopped(house.database, "other", stopped=stopped, who="tests", why="again")

            async def is_so() -> bool:
                [state] = [row.status.state for row in await read_reports(house.database) if row.plugin == "other"]
                return state == "stopped" if stopped else state.serves

            await until_so(is_so, "the other plugin follows")

        for _ in range(CYCLES):
            await want(stopped=True)
            await want(stopped=False)
    assert set(clients.answers) == {"200"}, clients.answers
    assert clients.answers["200"] > CYCLES
    assert serai.get("/other/hello").json == {"hello": "other"}


async def test_no_request_fails_while_workers_take_over_ten_times(serai):
    clients = BusyClients(serai)
    async with clients.asking("/good/hello"):
        for _ in range(HAND_OVERS):
            [before] = serai.workers()
            serai.process.send_signal(signal.SIGHUP)

            async def taken_over(before=before) -> bool:
                now = serai.workers()
                return len(now) == 1 and now != [before]

            await until_so(taken_over, "the new worker is alone")
    assert set(clients.answers) == {"200"}, clients.answers


async def test_a_plugin_that_stops_tells_sockets_ends_streams_and_cuts_the_stuck(serai):
    async with session(serai) as client, client.ws_connect("/other/socket") as socket:
        assert await socket.receive_str() == "open"
        async with client.get("/other/stream") as stream:
            assert await stream.content.readline() == b"data: open\n"
            stuck = asyncio.create_task(client.get("/other/stuck"))
            last = asyncio.create_task(socket.receive())
            await asyncio.to_thread(serai.cli, "stop", "other", "--why", "new stable")

            assert ((await last).type, socket.close_code) == (aiohttp.WSMsgType.CLOSE, 1012)
            assert (await stream.content.read()).endswith(b"data: bye\n\n")
        async with await stuck as answer:
            assert answer.status == 503
            assert "Retry-After" in answer.headers
        async with client.get("/other/hello") as answer:
            assert answer.status == 503
            assert "new stable" in (await answer.json(content_type=None))["detail"]
