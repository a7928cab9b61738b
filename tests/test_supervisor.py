"""`serai run` as a process of the system: its workers, its signals, and what keeps it from starting."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import time
import urllib.request
from pathlib import Path

import msgspec
import pytest

from serai.app.control import Greeting
from serai.cli.house import opened
from serai.config.deployment import read
from serai.supervisor.crew import Crew
from serai.supervisor.worker import Worker

GREETER = """
import os, time
from contextlib import asynccontextmanager
import attrs
from aiohttp import web
from serai import PluginInfo, hookimpl

@attrs.frozen
class Settings:
    word: str = "hello"
    slow_start: float = 0.0

routes = web.RouteTableDef()
said = {}

@routes.get("/hello")
async def hello(request):
    return web.json_response({"word": said["word"], "pid": os.getpid()})

@routes.get("/hang")
async def hang(request):
    time.sleep(3600)

@hookimpl
def plugin_info():
    return PluginInfo(title="Greeter", kernel=">=1.0,<2", settings=Settings)

@hookimpl
def register_routes():
    return [routes]

@hookimpl
@asynccontextmanager
async def lifespan(ctx):
    import asyncio
    await asyncio.sleep(ctx.get(Settings).slow_start)
    said["word"] = ctx.get(Settings).word
    yield
"""

TOML = f"""
[kernel]
plugins = ["greeter"]
keys = ["{"k" * 48}"]
stop_grace = 3

[plugins.greeter]
"""


BROKEN = """
from contextlib import asynccontextmanager
from serai import PluginInfo, hookimpl

@hookimpl
def plugin_info():
    return PluginInfo(title="Broken", kernel=">=1.0,<2")

@hookimpl
@asynccontextmanager
async def lifespan(ctx):
    raise RuntimeError("the axle broke")
    yield
"""


@pytest.fixture(scope="module")
def site(install_wheels):
    return install_wheels({"greeter": GREETER, "broken": BROKEN})


@pytest.fixture
def serai(run_serai, site):
    return run_serai(TOML, site)


def hello(serai):
    return serai.get("/greeter/hello").json


def processes_reported(serai):
    """The process numbers in `serai.process`, read beside the running deployment."""

    async def look():
        async with opened(read(serai.file, serai.environment)) as house, house.database.raw() as connection:
            return [row["pid"] for row in await connection.fetch("select pid from serai.process")]

    return asyncio.run(look())


def test_two_workers_serve_and_both_are_reported(serai, until):
    serai.start("--workers", "2")
    serai.wait_ready()
    serai.add_client("kernel:read")
    workers = until(lambda: len(serai.workers()) == 2 and serai.workers(), "two workers")
    until(lambda: sorted(processes_reported(serai)) == sorted(workers), "both are reported")
    until(lambda: hello(serai)["pid"] == workers[0], "the first answers")
    until(lambda: hello(serai)["pid"] == workers[1], "the second answers")
    assert serai.stop() == 0
    assert "Traceback" not in serai.log.read_text()


def test_a_killed_worker_is_replaced(serai, until):
    serai.start()
    serai.wait_ready()
    serai.add_client("kernel:read")
    victim = hello(serai)["pid"]
    os.kill(victim, signal.SIGKILL)
    until(lambda: answers(serai), "the other worker serves")
    assert hello(serai)["pid"] != victim
    assert f"worker {victim} was ended by signal 9; another starts in 1 s" in serai.log.read_text()
    assert serai.status()["greeter"]["state"] == "running"


def test_a_hand_over_brings_changed_settings_and_a_broken_file_does_not(serai, until):
    serai.start()
    serai.wait_ready()
    serai.add_client("kernel:read")
    before = hello(serai)

    serai.file.write_text(TOML + "word = ")
    serai.process.send_signal(signal.SIGHUP)
    until(lambda: "the workers stay as they are" in serai.log.read_text(), "the broken file is refused")
    assert str(serai.file) in serai.log.read_text()
    assert hello(serai) == before

    serai.file.write_text(TOML + 'word = "nihao"')
    serai.process.send_signal(signal.SIGHUP)
    after = until(lambda: (now := hello(serai))["word"] == "nihao" and now, "the new worker answers")
    assert after["pid"] != before["pid"]
    until(lambda: serai.workers() == [after["pid"]], "the old worker has ended")


def test_it_stops_at_once_while_a_plugin_is_still_starting(run_serai, site, until):
    serai = run_serai(TOML + "slow_start = 3600", site)
    serai.start()
    until(lambda: answers(serai, "/-/health/live"), "the worker answers")
    assert serai.stop() == 0
    assert not serai.processes()
    assert "stopped" in serai.log.read_text()


def test_ctrl_c_stops_in_order_and_a_second_start_keeps_the_data(serai):
    serai.start()
    serai.wait_ready()
    serai.add_client("kernel:read")
    assert hello(serai)["word"] == "hello"
    assert serai.stop(signal.SIGINT) == 0
    assert not serai.processes()
    log = serai.log.read_text()
    assert log.index("stopping") < log.index("stopped")
    assert "Traceback" not in log

    serai.start()
    serai.wait_ready()
    assert hello(serai)["word"] == "hello"  # the client's key was kept


def test_a_port_in_use_is_said_clearly(serai):
    with socket.socket() as other:
        other.bind(("127.0.0.1", serai.port))
        other.listen()
        serai.start()
        assert serai.process.wait(60) == 1
    log = serai.log.read_text()
    assert f"cannot listen on 127.0.0.1:{serai.port}" in log
    assert "Another program uses that port" in log
    assert "Traceback" not in log


def test_a_state_directory_has_one_serai(serai):
    serai.start()
    serai.wait_ready()
    second = serai.cli("run", ok=False)
    assert second.returncode == 1
    assert f"another serai (process {serai.process.pid}) uses the state directory {serai.state_dir}" in second.stderr
    assert serai.get("/-/health/ready").status == 200


def test_a_kill_leaves_no_process_and_the_next_start_waits_for_the_last_one(serai, until):
    serai.start()
    serai.wait_ready()
    serai.add_client("kernel:read")
    first = hello(serai)["pid"]
    left = serai.processes()
    assert len(left) > 2
    assert set(serai.postgres()) < set(left)
    os.kill(serai.process.pid, signal.SIGKILL)
    serai.process.wait()
    serai.start()
    until(lambda: answers(serai, known=first), "the next one serves")
    assert not set(left) & set(serai.processes())
    assert serai.stop() == 0


def test_what_a_killed_deployment_last_said_is_not_believed(serai, until):
    serai.start()
    serai.wait_ready()
    assert serai.status()["greeter"]["state"] == "running"
    os.kill(serai.process.pid, signal.SIGKILL)
    serai.process.wait()
    # The worker may still be ending; its heartbeat alone would be believed for 20 s.
    until(lambda: serai.status()["greeter"]["reason_code"] == "no-process", "nobody is believed any more", limit=15)
    until(lambda: not serai.processes(), "every process has ended")


def test_a_failed_plugin_that_an_operator_stops_keeps_nobody_busy(run_serai, site, until):
    serai = run_serai(TOML.replace('"greeter"', '"broken"').replace("[plugins.greeter]", ""), site)
    serai.start()
    serai.wait_ready()
    until(lambda: serai.log.read_text().count("the axle broke") >= 2, "it was tried again, so its pause is 10 s now")
    serai.cli("stop", "broken")
    time.sleep(11)  # until it would have been tried again
    [worker] = serai.workers()
    before = seconds_computed(worker)
    time.sleep(3)
    assert seconds_computed(worker) - before < 1


def seconds_computed(pid):
    """The seconds that a process has kept a processor busy: proc_pid_stat(5), fields 14 and 15."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_worker_that_hangs_is_killed_and_replaced(site, tmp_path, database_url, monkeypatch, until):
    """With the supervisor's own limit of silence, 30 s, it would only take longer."""
    monkeypatch.setenv("PYTHONPATH", str(site))
    file = tmp_path / "serai.toml"
    file.write_text(TOML.replace("[plugins", f'listen = "127.0.0.1:1"\nstate_dir = "{tmp_path / "state"}"\n[plugins'))
    shown: list[str] = []
    greeting = Greeting(config=str(file), dsn=database_url, keys=["k" * 48])

    async def scene(listener, lock):
        async def spawn(suspects, beside):
            return await Worker.spawn(
                listener, lock, msgspec.structs.replace(greeting, suspects=suspects, beside=beside), shown.append
            )

        crew = Crew(1, spawn, shown.append, ready_timeout=60, stop_timeout=20, silence=5)
        await crew.open()
        try:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            await asyncio.to_thread(until, lambda: any("ready on" in line for line in shown), "the worker serves")
            [victim] = crew.pids
            os.kill(victim, signal.SIGSTOP)  # to its supervisor the same as a loop that is blocked
            await asyncio.to_thread(
                until, lambda: sum("ready on" in line for line in shown) == 2, "another worker serves"
            )
            assert victim not in crew.pids
            with await asyncio.to_thread(urllib.request.urlopen, f"{url}/-/health/live") as answer:
                assert answer.status == 200
        finally:
            await crew.close()

    with socket.socket() as listener, (tmp_path / "lock").open("w") as lock:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        asyncio.run(scene(listener, lock.fileno()))
    assert any("has said nothing for 5 s and is killed" in line for line in shown)


KEY = re.compile(r"demo API key: (srk_\w+)\n")


def test_the_demo_prints_the_same_key_at_every_start(run_serai, until):
    demo = (Path(__file__).parents[1] / "config" / "demo.toml").read_text()
    serai = run_serai(demo.replace("size = 5000", "size = 200"))
    keys = []
    for start in (1, 2):
        serai.start()
        keys = until(
            lambda start=start: (found := KEY.findall(serai.log.read_text()))[start - 1 :] and found,
            "the demo's banner",
        )
        serai.key = keys[-1]
        assert serai.get("/isapi/api/v1/employees?limit=1").json["items"]
        assert serai.stop(signal.SIGINT) == 0
    assert keys[0] == keys[1]


def answers(serai, path="/greeter/hello", known=None):
    """Whether it serves; with `known`, whether another process than that does."""
    try:
        answer = serai.get(path)
    except OSError:
        return False
    return answer.status == 200 and (known is None or answer.json["pid"] != known)
