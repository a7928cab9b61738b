from __future__ import annotations

import asyncio
import os
import tty
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, Protocol

import attrs
import pytest
import structlog
from sqlalchemy import text

from serai.declarations import Driver
from serai.devices import DeviceHouse, Limits
from serai.devices.house import RETRY
from serai.errors import DeviceDown, PluginError, SeraiError


@attrs.frozen(kw_only=True)
class Bound:
    """A device as hosting binds it."""

    name: str
    driver: Driver | None
    settings: Any = None
    driver_name: str = "fake"
    reason: str = ""


class Lamp(Protocol):
    brightness: int

    async def shine(self) -> str: ...


class Horn(Protocol):
    async def blow(self) -> None: ...


class FakeLamp:
    """A lamp and the driver of it: what happens on connecting and on leaving is for the test to say."""

    brightness = 5

    def __init__(self) -> None:
        self.connecting: Any = None
        self.leaving: Any = None
        self.link: Any = None
        self.connected = 0
        self.left = 0

    async def shine(self) -> str:
        return "bright"

    @asynccontextmanager
    async def factory(self, settings, link):
        self.link = link
        if self.connecting:
            await self.connecting()
        self.connected += 1
        yield self
        if self.leaving:
            await self.leaving()
        self.left += 1

    def bound(self, name="lamp", **driver) -> Bound:
        return Bound(name=name, driver=Driver(kind="lamp", name="fake", factory=self.factory, **driver))


@pytest.fixture
def lamp() -> FakeLamp:
    return FakeLamp()


@pytest.fixture
async def house(kernel_database, tmp_path):
    async with kernel_database.begin() as connection:
        await connection.execute(
            text("insert into serai.process values ('p1', 'h', 1, '1', now(), now())"),
        )
    house = DeviceHouse(
        kernel_database, "p1", tmp_path, structlog.get_logger(), limits=Limits(connect=0.2, leave=0.2), lease=2
    )
    yield house
    await house.stop()


@pytest.fixture
def becomes(house, eventually):
    """Wait until the device is in that state; its state."""

    async def wait(state: str, name: str = "lamp"):
        return await eventually(lambda: house.state(name).state == state and house.state(name))

    return wait


async def fail() -> None:
    raise OSError(2, "No such file or directory", "/dev/lamp")


async def hang() -> None:
    await asyncio.Event().wait()


async def test_a_device_that_is_there_is_ready(house, lamp, becomes):
    await house.start([lamp.bound()])
    state = await becomes("ready")
    assert (state.kind, state.driver) == ("lamp", "fake")
    assert await house.get(Lamp, "lamp").shine() == "bright"


async def test_what_is_not_ready_is_a_problem_that_says_why(house, lamp, becomes):
    lamp.connecting = fail
    await house.start([lamp.bound()])
    await becomes("backing off")
    with pytest.raises(DeviceDown, match=r"lamp \(fake\) is .*No such file or directory") as caught:
        house.get(Lamp, "lamp")
    assert caught.value.headers["Retry-After"]


async def test_one_may_wait_for_a_device_that_is_connecting(house, lamp):
    arrived = asyncio.Event()
    lamp.connecting = arrived.wait
    await house.start([lamp.bound()])
    with pytest.raises(DeviceDown, match="connecting"):
        await house.wait_for(Lamp, "lamp", timeout=0.01)
    waiting = asyncio.create_task(house.wait_for(Lamp, "lamp", timeout=10))
    await asyncio.sleep(0)
    arrived.set()
    assert await waiting is lamp


async def test_a_device_that_appears_is_taken(house, lamp, becomes):
    lamp.connecting = fail
    await house.start([lamp.bound()])
    await becomes("backing off")
    lamp.connecting = None
    house.retry("lamp")
    await becomes("ready")


async def test_a_device_that_is_lost_is_connected_again(house, lamp, becomes, eventually):
    seen = []
    house.subscribe(lambda state: seen.append((state.state, state.reason)))
    await house.start([lamp.bound()])
    await becomes("ready")
    lamp.link.lost("it hung up")
    lamp.link.lost("said twice")
    await eventually(lambda: lamp.connected == 2 and house.state("lamp").state == "ready")
    assert lamp.left == 1
    assert seen == [
        ("ready", ""),
        ("lost", "it hung up"),
        ("backing off", "it hung up"),
        ("connecting", ""),
        ("ready", ""),
    ]


async def test_a_connect_that_hangs_is_cut(house, lamp, becomes):
    lamp.connecting = hang
    await house.start([lamp.bound()])
    assert (await becomes("backing off")).reason == "It did not connect within 0.2 s."


async def test_a_device_lost_while_it_connects_is_given_up_at_once(kernel_database, tmp_path, lamp, eventually):
    house = DeviceHouse(kernel_database, "p1", tmp_path, structlog.get_logger(), limits=Limits(connect=3600))
    seen = []
    house.subscribe(lambda state: seen.append((state.state, state.reason)))
    lamp.connecting = hang
    await house.start([lamp.bound()])
    await eventually(lambda: lamp.link)
    lamp.link.lost("no carrier")
    await eventually(lambda: ("backing off", "no carrier") in seen)
    await house.stop()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (SeraiError("Nothing answers on the line"), "Nothing answers on the line"),
        (KeyError("13800138000"), "KeyError at tests/test_devices.py:"),
        (SystemExit(3), "SystemExit at "),
        (asyncio.CancelledError(), "The driver ended itself"),
        (ExceptionGroup("several", [OSError()]), "ExceptionGroup at "),
    ],
)
async def test_whatever_a_driver_raises_stays_with_its_device(house, lamp, becomes, error, said):
    async def raises():
        raise error

    broken = FakeLamp()
    broken.connecting = raises
    await house.start([broken.bound("broken"), lamp.bound()])
    await becomes("ready")
    state = await becomes("backing off", "broken")
    assert state.reason.startswith(said)
    assert "13800138000" not in state.reason


@pytest.mark.parametrize("leaving", [hang, fail])
async def test_a_driver_that_does_not_let_go_in_order_is_left_all_the_same(house, lamp, becomes, eventually, leaving):
    lamp.leaving = leaving
    await house.start([lamp.bound()])
    await becomes("ready")
    lamp.link.lost("it hung up")
    await eventually(lambda: lamp.connected == 2)


async def test_stopping_leaves_the_drivers(house, lamp, becomes):
    await house.start([lamp.bound()])
    await becomes("ready")
    await house.stop()
    assert lamp.left == 1


async def test_a_driver_that_ignores_its_end_does_not_hold_up_the_stop(house, lamp, becomes):
    gate = asyncio.Event()

    async def stay():
        while not gate.is_set():
            try:
                await gate.wait()
            except asyncio.CancelledError:
                continue

    lamp.connecting = stay
    await house.start([lamp.bound()])
    await becomes("connecting")
    async with asyncio.timeout(15):
        await house.stop()
    gate.set()


async def test_a_device_that_cannot_be_bound_is_misconfigured(house, becomes):
    await house.start([Bound(name="lamp", driver=None, reason="No installed wheel brings a driver named 'lmap'")])
    state = await becomes("misconfigured")
    assert "lmap" in state.reason
    assert "[devices.lamp]" in state.hint
    with pytest.raises(DeviceDown, match="lmap"):
        house.get(Lamp, "lamp")


async def test_a_device_that_refuses_us_is_left_alone_until_somebody_asks(house, lamp, becomes, kernel_database):
    async def refuse() -> None:
        lamp.tried = getattr(lamp, "tried", 0) + 1
        raise PluginError("the lamp refused the password", hint="correct it")

    lamp.connecting = refuse
    await house.start([lamp.bound()])
    state = await becomes("misconfigured")
    assert (state.reason, "serai devices retry lamp" in state.hint) == ("the lamp refused the password", True)
    await kernel_database.notify("devices", "lamp")  # what wakes those that wait for an exclusive device
    lamp.connecting = None
    await kernel_database.notify(RETRY, "lamp")
    await becomes("ready")
    assert lamp.tried == 1


async def test_asking_for_a_device_that_is_not_there_names_those_that_are(house, lamp):
    await house.start([lamp.bound()])
    with pytest.raises(PluginError, match="'lmap'; configured are: lamp"):
        house.get(Lamp, "lmap")


async def test_asking_for_another_kind_says_what_it_lacks(house, lamp, becomes):
    await house.start([lamp.bound()])
    await becomes("ready")
    with pytest.raises(PluginError, match=r"kind 'lamp'.*no Horn: it lacks blow"):
        house.get(Horn, "lamp")


async def test_a_watcher_that_raises_harms_nobody(house, lamp, becomes):
    house.subscribe(lambda state: 1 / 0)
    await house.start([lamp.bound()])
    await becomes("ready")


async def test_the_states_are_in_the_database_while_the_process_lives(house, lamp, kernel_database, eventually):
    async def rows():
        async with kernel_database.connect() as connection:
            found = await connection.execute(text("select process_id, device, kind, state from serai.device_state"))
            return [tuple(row) for row in found]

    async def written():
        return await rows() == [("p1", "lamp", "lamp", "ready")]

    await house.start([lamp.bound()])
    await eventually(written)
    await house.stop()
    assert await rows() == []


@asynccontextmanager
async def on_a_terminal(path, link):
    """A driver that reads lines from a terminal: what a serial modem needs of the kernel."""
    terminal = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    lines = asyncio.Queue()

    def read():
        try:
            data = os.read(terminal, 1000)
        except OSError as error:
            data, reason = b"", str(error)
        else:
            reason = "it hung up"
        if not data:
            asyncio.get_running_loop().remove_reader(terminal)
            link.lost(reason)
        lines.put_nowait(data)

    asyncio.get_running_loop().add_reader(terminal, read)
    try:
        yield lines
    finally:
        asyncio.get_running_loop().remove_reader(terminal)
        os.close(terminal)


def plug(port: Path):
    """A pseudo-terminal at `port`; closing its master is pulling the plug."""
    master, slave = os.openpty()
    tty.setraw(slave)
    port.unlink(missing_ok=True)
    port.symlink_to(os.ttyname(slave))
    os.close(slave)
    return closing(os.fdopen(master, "wb", buffering=0))


async def test_a_terminal_comes_goes_and_comes_back(house, becomes, tmp_path, eventually):
    port = tmp_path / "port"
    driver = Driver(kind="modem", name="terminal", factory=on_a_terminal)
    await house.start([Bound(name="dog1", driver=driver, settings=port)])
    await becomes("backing off", "dog1")
    for said in (b"OK\r\n", b"RING\r\n"):
        with plug(port) as master:
            house.retry("dog1")
            await becomes("ready", "dog1")
            master.write(said)
            assert await house.get(asyncio.Queue, "dog1").get() == said
        await eventually(lambda: house.state("dog1").state != "ready")
