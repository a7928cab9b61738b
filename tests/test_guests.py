"""Guests that misbehave are isolated, named and explained; the others serve. Real wheels, a real server."""

from __future__ import annotations

import asyncio
import textwrap

import aiohttp
import pytest

GOOD = """
import asyncio
from contextlib import asynccontextmanager
from aiohttp import web
from serai import Health, PluginInfo, hookimpl

routes = web.RouteTableDef()
state = {"left": False}

@routes.get("/hello")
async def hello(request):
    return web.json_response({"hello": "world"})

@routes.get("/slow")
async def slow(request):
    answer = web.StreamResponse()
    await answer.prepare(request)
    await answer.write(b"started\\n")
    await asyncio.sleep(1)
    await answer.write(b"finished\\n")
    return answer

@routes.get("/crash")
async def crash(request):
    raise ValueError("the secret recipe")

@hookimpl
def plugin_info():
    return PluginInfo(title="NAME", kernel=">=1.0,<2", requires=REQUIRES)

@hookimpl
def register_routes():
    return [routes]

@hookimpl
@asynccontextmanager
async def lifespan(ctx):
    yield

@hookimpl
async def health(ctx):
    return Health(ok=True, detail="well")
"""


def good(name: str = "good", requires: str = "[]") -> str:
    return GOOD.replace("NAME", name).replace("REQUIRES", requires)


RAISING = """
raise ImportError("no camel in this stable")
"""

HANGING = """
import asyncio
from contextlib import asynccontextmanager
from serai import PluginInfo, hookimpl

@hookimpl
def plugin_info():
    return PluginInfo(title="hanging", kernel=">=1.0,<2")

@hookimpl
@asynccontextmanager
async def lifespan(ctx):
    await asyncio.Event().wait()
    yield
"""

HANGING_IMPORT = """
import time
time.sleep(3600)
"""

RUBBISH = """
from serai import PluginInfo, hookimpl

@hookimpl
def plugin_info():
    return PluginInfo(title="rubbish", kernel=">=1.0,<2")

@hookimpl
def register_routes():
    return {"/": "everything"}
"""

INCOMPATIBLE = """
from serai import PluginInfo, hookimpl

@hookimpl
def plugin_info():
    return PluginInfo(title="future", kernel=">=7")
"""

DYING = """
from contextlib import asynccontextmanager
from serai import PluginInfo, hookimpl

async def fail():
    raise RuntimeError("the pump broke")

@hookimpl
def plugin_info():
    return PluginInfo(title="dying", kernel=">=1.0,<2")

@hookimpl
@asynccontextmanager
async def lifespan(ctx):
    ctx.spawn(fail(), name="pump")
    yield
"""

KILLING = """
import os
from contextlib import asynccontextmanager
from serai import PluginInfo, hookimpl

@hookimpl
def plugin_info():
    return PluginInfo(title="killing", kernel=">=1.0,<2")

@hookimpl
@asynccontextmanager
async def lifespan(ctx):
    os._exit(9)
    yield
"""


def toml(*plugins: str, extra: str = "") -> str:
    listed = ", ".join(f'"{plugin}"' for plugin in plugins)
    return textwrap.dedent(
        f"""
        [kernel]
        plugins = [{listed}]
        keys = ["{"k" * 48}"]
        start_timeout = 3
        stop_grace = 5
        {extra}
        """
    )


@pytest.fixture(scope="module")
def site(install_wheels):
    return install_wheels(
        {
            "good": good(),
            "other": good("other"),
            "needy": good("needy", '["good>=1.0"]'),
            "raising": RAISING,
            "hanging": HANGING,
            "hangimport": HANGING_IMPORT,
            "rubbish": RUBBISH,
            "future": INCOMPATIBLE,
            "dying": DYING,
            "killing": KILLING,
        }
    )


def test_the_good_one_serves_and_the_others_are_explained(run_serai, site, until):
    serai = run_serai(toml("good", "raising", "hanging", "hangimport", "rubbish", "future", "dying", "missing"), site)
    serai.start()
    serai.wait_ready()
    serai.add_client("kernel:read")

    assert serai.get("/good/hello").json == {"hello": "world"}
    status = until(
        lambda: (
            (rows := serai.status())
            and all(rows[name]["reason_code"] for name in ("hanging", "hangimport", "dying"))
            and rows["hanging"]["state"] == "failed"
            and rows
        ),
        "every guest settled",
    )
    assert status["good"]["state"] == "running"
    expected = {
        "raising": ("failed", "import-failed", "no camel in this stable"),
        "hanging": ("failed", "start-timeout", "3 s"),
        "hangimport": ("failed", "import-timeout", "serai_hangimport.plugin"),
        "rubbish": ("failed", "hook-failed", "register_routes"),
        "future": ("blocked", "incompatible", ">=7"),
        "dying": ("failed", "ended-early", "the pump broke"),
        "missing": ("blocked", "not-installed", "missing"),
    }
    for name, (state, code, words) in expected.items():
        row = status[name]
        assert (row["state"], row["reason_code"]) == (state, code), row
        assert words in row["reason"]
        assert row["hint"]
        stand_in = serai.get(f"/{name}/hello")
        assert stand_in.status == 503
        assert stand_in.headers["Retry-After"]
        assert words in stand_in.json["detail"]

    assert serai.get("/nobody/hello").status == 404
    assert serai.stop() == 0


def test_a_guest_that_kills_the_process_is_left_out_after_three_times(run_serai, site, until):
    serai = run_serai(toml("good", "killing"), site)
    serai.start()
    row = until(
        lambda: (row := serai.status().get("killing"))["reason_code"] == "crash-loop" and row, "the crash loop ended"
    )
    assert row["state"] == "failed"
    assert "3 " in row["reason"]
    serai.wait_ready()
    serai.add_client("kernel:read")
    assert serai.get("/good/hello").status == 200


def test_stopping_does_not_wait_for_a_plugin_that_hangs_at_its_start(run_serai, site, until):
    serai = run_serai(toml("good", "hanging").replace("start_timeout = 3", "start_timeout = 300"), site)
    serai.start()
    until(
        lambda: (
            {name: row["state"] for name, row in serai.status().items()} == {"good": "running", "hanging": "starting"}
        ),
        "the good one serves while the other hangs",
    )
    assert serai.stop() == 0


def test_a_crashing_handler_tells_no_secret(run_serai, site):
    serai = run_serai(toml("good"), site)
    serai.start()
    serai.wait_ready()
    serai.add_client("kernel:read")
    answer = serai.get("/good/crash")
    assert answer.status == 500
    assert b"recipe" not in answer.body
    assert answer.json["request_id"] == answer.headers["X-Request-Id"]
    assert answer.json["request_id"] in serai.tail()


def test_a_provider_stops_after_its_dependants_and_they_return_with_it(run_serai, site, until):
    serai = run_serai(toml("good", "needy", "other"), site)
    serai.start()
    serai.wait_ready()
    serai.add_client("kernel:read")
    assert serai.get("/needy/hello").status == 200

    serai.cli("stop", "good", "--why", "new stable")
    status = serai.status()
    assert status["good"]["state"] == "stopped"
    assert status["good"]["reason_code"] == "stopped-by-operator"
    assert "new stable" in status["good"]["reason"]
    assert (status["needy"]["state"], status["needy"]["reason_code"]) == ("blocked", "missing-requirement")
    assert status["other"]["state"] == "running"
    assert serai.get("/good/hello").status == 503
    assert serai.get("/needy/hello").status == 503

    serai.cli("start", "good")
    until(lambda: serai.get("/needy/hello").status == 200, "the dependant came back")
    assert serai.cli("status").returncode == 0


def test_the_override_outlives_the_process(run_serai, site):
    serai = run_serai(toml("good"), site)
    serai.start()
    serai.wait_ready()
    serai.cli("stop", "good")
    serai.stop()
    assert serai.status()["good"]["reason_code"] == "no-process"
    serai.start()
    serai.wait_ready()
    assert serai.status()["good"]["reason_code"] == "stopped-by-operator"
    serai.cli("restart", "good")
    assert serai.status()["good"]["state"] == "running"


def test_a_request_in_flight_finishes_while_its_plugin_stops(run_serai, site):
    serai = run_serai(toml("good"), site)
    serai.start()
    serai.wait_ready()
    key = serai.add_client("kernel:read")

    async def scene():
        headers = {"Authorization": f"Bearer {key}"}
        async with aiohttp.ClientSession(f"http://127.0.0.1:{serai.port}", headers=headers) as client:
            async with client.get("/good/slow") as answer:
                assert await answer.content.readline() == b"started\n"
                stop = asyncio.create_task(asyncio.to_thread(serai.cli, "stop", "good"))
                assert await answer.content.read() == b"finished\n"
            await stop
            async with client.get("/good/hello") as answer:
                assert answer.status == 503

    asyncio.run(scene())


def test_enabling_is_the_files_word_alone(run_serai, site):
    serai = run_serai(toml("good"), site)
    done = serai.cli("start", "other", ok=False)
    assert done.returncode == 1
    assert "other is not enabled" in done.stderr
    assert "kernel.plugins" in done.stderr
