from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from datetime import UTC, datetime
from types import SimpleNamespace
from urllib.parse import urlsplit

import asyncpg
import attrs
import pytest
import structlog
from sqlalchemy import text

from serai.declarations import Driver
from serai.devices import DeviceHouse, Limits


@attrs.frozen(kw_only=True)
class Bound:
    """A device as hosting binds it."""

    driver: Driver
    name: str = "dog1"
    driver_name: str = "fake"
    settings: object = None
    reason: str = ""


class Port:
    """One serial port that all processes see: at most one may have it open."""

    def __init__(self) -> None:
        self.owners: list[str] = []
        self.log: list[str] = []
        self.closed_at: datetime | None = None

    def bound(self, owner: str) -> Bound:
        @contextlib.asynccontextmanager
        async def factory(settings, link):
            assert not self.owners, f"{owner} opens what {self.owners} holds"
            self.owners.append(owner)
            self.log.append(f"{owner} opens")
            try:
                yield SimpleNamespace()
            finally:
                self.owners.remove(owner)
                self.log.append(f"{owner} closes")
                self.closed_at = datetime.now(UTC)

        return Bound(driver=Driver(kind="modem", name="fake", factory=factory, exclusive=True))


@pytest.fixture
def port() -> Port:
    return Port()


@pytest.fixture
async def houses(kernel_database, tmp_path):
    """Houses of one cluster: each on a host of its own, unless they are told to share one."""
    async with contextlib.AsyncExitStack() as stack:

        async def build(name: str, host: str | None = None, lease: float = 2.0, leave: float = 0.5) -> DeviceHouse:
            async with kernel_database.begin() as connection:
                await connection.execute(
                    text("insert into serai.process values (:id, 'h', 1, '1', now(), now())"), {"id": name}
                )
            house = DeviceHouse(
                kernel_database,
                name,
                tmp_path / (host or name),
                structlog.get_logger(),
                lease=lease,
                limits=Limits(connect=5, leave=leave),
            )
            stack.push_async_callback(house.stop)
            return house

        yield build


@pytest.fixture
def becomes(eventually):
    """Wait until the house's device is in that state; its state."""

    async def wait(house: DeviceHouse, state: str):
        return await eventually(lambda: house.state("dog1").state == state and house.state("dog1"))

    return wait


@pytest.mark.parametrize("host", [None, "shared"])
async def test_one_process_holds_it_and_a_hand_over_releases_first(houses, port, becomes, host):
    one, two = await houses("one", host), await houses("two", host)
    await one.start([port.bound("one")])
    await becomes(one, "ready")
    await two.start([port.bound("two")])
    state = await becomes(two, "held elsewhere")
    assert state.reason == ("Another process of this host holds it." if host else "The process one holds it.")
    await one.stop()
    await becomes(two, "ready")
    assert port.log == ["one opens", "one closes", "two opens"]


async def test_the_owner_keeps_it_beyond_the_first_lease(houses, port, becomes, kernel_database, eventually):
    async def until():
        async with kernel_database.connect() as connection:
            return await connection.scalar(text("select until from serai.device_lease"))

    one = await houses("one", lease=1.5)
    await one.start([port.bound("one")])
    await becomes(one, "ready")
    first = await until()

    async def passed():
        async with kernel_database.connect() as connection:
            return await connection.scalar(
                text("select now() > :first and until > now() from serai.device_lease"), {"first": first}
            )

    await eventually(passed)
    assert port.log == ["one opens"]


async def test_an_owner_whose_lease_was_taken_lets_go(houses, port, becomes, kernel_database):
    one = await houses("one")
    await one.start([port.bound("one")])
    await becomes(one, "ready")
    async with kernel_database.begin() as connection:
        await connection.execute(
            text("update serai.device_lease set process_id = 'thief', until = now() + interval '1 hour'")
        )
    await becomes(one, "held elsewhere")
    assert port.log == ["one opens", "one closes"]


async def test_an_owner_that_cannot_renew_lets_go_before_another_may_take_it(
    houses, port, becomes, kernel_database, postgres_server, database_url
):
    one = await houses("one", lease=4, leave=2)
    seen = []
    one.subscribe(lambda state: seen.append((state.state, state.reason)))
    await one.start([port.bound("one")])
    await becomes(one, "ready")
    name = urlsplit(database_url).path.lstrip("/")
    admin = await asyncpg.connect(postgres_server)
    try:
        await admin.execute(f"alter database {name} with allow_connections false")
        await admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", name)
        await becomes(one, "backing off")
        assert port.log == ["one opens", "one closes"]
        assert ("lost", "Its lease could not be renewed: the database cannot be reached.") in seen
        await admin.execute(f"alter database {name} with allow_connections true")
    finally:
        await admin.close()
    async with kernel_database.connect() as connection:
        assert await connection.scalar(text("select until from serai.device_lease")) > port.closed_at
    one.retry("dog1")
    await becomes(one, "ready")


OWNER = """
import asyncio, contextlib, sys
from pathlib import Path
from types import SimpleNamespace
import structlog
from serai.data.connections import Connections
from serai.declarations import Driver
from serai.devices import DeviceHouse, Limits

@contextlib.asynccontextmanager
async def factory(settings, link):
    print("ready", flush=True)
    yield object()

async def main():
    connections = Connections(sys.argv[1], 5)
    await connections.open()
    limits = Limits(leave=0.5)
    log = structlog.wrap_logger(structlog.PrintLogger(sys.stderr))
    house = DeviceHouse(connections.database("serai"), "doomed", Path(sys.argv[2]), log, lease=2, limits=limits)
    driver = Driver(kind="modem", name="fake", factory=factory, exclusive=True)
    await house.start([SimpleNamespace(name="dog1", driver_name="fake", driver=driver, settings=None, reason="")])
    await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.mark.parametrize("host", ["heir", "doomed"])
async def test_what_a_killed_process_held_is_taken_when_its_lease_has_run_out(
    houses, port, becomes, database_url, tmp_path, host
):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", OWNER, database_url, str(tmp_path / host), stdout=asyncio.subprocess.PIPE
    )
    assert await process.stdout.readline() == b"ready\n"
    heir = await houses("heir")
    await heir.start([port.bound("heir")])
    await becomes(heir, "held elsewhere")
    process.send_signal(signal.SIGKILL)
    await process.wait()
    await becomes(heir, "ready")
