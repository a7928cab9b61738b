"""kill -9 of whatever belongs to a deployment, at random moments while it works: nothing is lost, nothing doubled."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections import Counter
from contextlib import asynccontextmanager

import aiohttp
import asyncpg

from serai.data.embedded import attach
from serai.telemetry import logs
from serai_ehr.demo.driver import DemoSettings, connect
from serai_ehr.views import PERSON

BLOCKS = 10
"""Each kills every kind of victim once, in another order: 50 rounds."""
VICTIMS = ("supervisor", "worker", "worker in a job", "process of PostgreSQL", "postmaster")
SEED = 20_261_123
WRITERS = 4

LEDGER = '''
"""Writes down what clients number, and what its jobs do: without keys, so that a double would be seen."""

import asyncio
from contextlib import asynccontextmanager

import attrs
from aiohttp import web
from sqlalchemy import text

from serai import Job, PluginInfo, hookimpl

routes = web.RouteTableDef()
databases = []


@routes.post("/entries")
async def enter(request):
    number = (await request.json())["number"]
    if number % 2:
        async with databases[-1].begin() as connection:
            await connection.execute(text("insert into ledger.entry (number) values (:number)"), {"number": number})
    else:
        async with databases[-1].raw() as connection:
            await connection.execute("insert into ledger.entry (number) values ($1)", number)
    return web.json_response({"number": number}, status=201)


def ticking(number):
    """Each of six jobs has every sixth second to itself, so that mostly one is at work."""

    async def tick(ctx, run):
        """Write its tick down, once."""
        await asyncio.sleep(0.4)
        async with ctx.db.raw() as connection:
            await connection.execute("insert into ledger.tick (job, tick) values ($1, $2)", f"tick{number}", run.tick)
        await asyncio.sleep(0.4)

    tick.__name__ = f"tick{number}"
    return Job(handler=tick, cron=f"{number}-59/6 * * * * *")


async def settle(ctx, run):
    """Write its tick down; running again does no harm."""
    async with ctx.db.raw() as connection:
        await asyncio.sleep(0.3)
        await connection.execute("insert into ledger.settled (tick) values ($1) on conflict do nothing", run.tick)


@hookimpl
def plugin_info():
    return PluginInfo(title="Ledger", kernel=">=1.0,<2")


@hookimpl
def register_routes():
    return [routes]


@hookimpl
def register_jobs():
    return [Job(handler=settle, cron="* * * * * *", rerun=True), *map(ticking, range(6))]


@hookimpl
def register_migrations():
    return "serai_ledger:migrations"


@hookimpl
@asynccontextmanager
async def lifespan(ctx):
    databases.append(ctx.db)
    yield
'''

REVISION = '''
"""The ledger."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
phase = "expand"


def upgrade():
    op.create_table("entry", sa.Column("number", sa.BigInteger, nullable=False), schema="ledger")
    op.create_table(
        "tick",
        sa.Column("job", sa.Text, nullable=False),
        sa.Column("tick", sa.DateTime(timezone=True), nullable=False),
        schema="ledger",
    )
    op.create_table("settled", sa.Column("tick", sa.DateTime(timezone=True), primary_key=True), schema="ledger")


def downgrade():
    for table in ("settled", "tick", "entry"):
        op.drop_table(table, schema="ledger")
'''

TOML = f"""
[kernel]
plugins = ["isapi", "ledger"]
keys = ["{"k" * 48}"]
stop_grace = 1
client_rate = 10000
client_burst = 10000

[devices.ehr]
driver = "ehr_demo"
size = 200

[plugins.isapi]
source = "ehr"
sync_cron = "*/4 * * * * *"
"""


class Writers:
    """Clients that write without a pause and never try anything twice, each entry under a number of its own."""

    def __init__(self, serai) -> None:
        self._url = f"http://127.0.0.1:{serai.port}/ledger/entries"
        self._headers = {"Authorization": f"Bearer {serai.key}"}
        self._numbers = iter(range(10**9))
        self.acknowledged: set[int] = set()
        self.uncertain: set[int] = set()
        self.statuses: Counter[int] = Counter()

    @asynccontextmanager
    async def writing(self):
        async with aiohttp.ClientSession(headers=self._headers, timeout=aiohttp.ClientTimeout(20)) as client:
            self._client = client
            tasks = [asyncio.create_task(self._write_on()) for _ in range(WRITERS)]
            yield
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def write(self) -> bool:
        """Write one entry; whether it was acknowledged."""
        number = next(self._numbers)
        self.uncertain.add(number)
        try:
            async with self._client.post(self._url, json={"number": number}) as answer:
                self.statuses[answer.status] += 1
                if answer.status != 201:
                    return False
        except (aiohttp.ClientError, OSError):
            return False
        self.uncertain.discard(number)
        self.acknowledged.add(number)
        return True

    async def _write_on(self) -> None:
        while True:  # noqa: ASYNC110  nothing is waited for
            await asyncio.sleep(0.01 if await self.write() else 0.1)


async def reach(condition, what, serai, limit=60.0):
    """Ask an async condition until its answer is true."""
    deadline = time.monotonic() + limit
    while not (answer := await condition()):
        assert time.monotonic() < deadline, f"waited {limit:g} s in vain for: {what}; {serai.tail()}"
        await asyncio.sleep(0.05)
    return answer


@asynccontextmanager
async def database(serai):
    connection = await asyncpg.connect(attach(serai.state_dir))
    try:
        yield connection
    finally:
        await connection.close()


async def until_a_job_runs(serai) -> None:
    """Wait until a living worker is in one of the ledger's jobs; not for long, for all may wait for a lost lease."""
    running = (
        "select true from serai.job_run r join serai.process p on p.id = r.process_id"
        " where r.plugin = 'ledger' and r.finished_at is null and p.pid = any($1)"
    )
    async with database(serai) as connection:
        for _ in range(100):
            if await connection.fetchval(running, serai.workers()):
                return
            await asyncio.sleep(0.02)


async def choose(victim: str, serai, dice: random.Random) -> int:
    """The process to kill."""
    match victim:
        case "supervisor":
            return serai.process.pid
        case "worker":
            return serai.workers()[0]
        case "worker in a job":
            await until_a_job_runs(serai)
            return serai.workers()[0]
        case "postmaster":
            return serai.postgres()[0]
        case _:
            return dice.choice(serai.postgres()[1:])


async def survive(victim: str, serai, writers: Writers, dice: random.Random) -> None:
    """One round: kill, and see that the deployment serves again."""

    async def serves() -> bool:
        return await writers.write()

    await asyncio.sleep(dice.uniform(0, 0.5))
    everything = set(serai.processes())
    with_that_number = await choose(victim, serai, dice)
    try:
        os.kill(with_that_number, signal.SIGKILL)
    except ProcessLookupError:  # a process of PostgreSQL that had just ended
        return
    if victim == "supervisor":
        serai.process.wait()

        async def nobody_left() -> bool:
            return not everything & set(serai.processes())

        await reach(nobody_left, "the end of all its processes", serai)
        serai.start()
    await reach(serves, f"an entry after the kill of the {victim}", serai)


async def test_nothing_is_lost_or_doubled_by_fifty_kills(run_serai, install_wheels, tmp_path):
    site = install_wheels(
        {"ledger": {"plugin.py": LEDGER, "migrations/0001_ledger.py": REVISION}},
    )
    serai = run_serai(TOML, site)
    serai.start()
    await asyncio.to_thread(serai.wait_ready)
    serai.add_client("kernel:read", "isapi:read")
    writers = Writers(serai)
    dice = random.Random(SEED)
    async with writers.writing():
        for _ in range(BLOCKS):
            for victim in dice.sample(VICTIMS, len(VICTIMS)):
                await survive(victim, serai, writers, dice)

    async with database(serai) as connection:
        await reach(lambda: cut_runs_are_recorded(connection), "the lost runs are recorded", serai)
        await reach(lambda: isapi_has_its_source(connection), "isapi has all people of its source", serai)
        entries = Counter(row["number"] for row in await connection.fetch("select number from ledger.entry"))
        ticks = await connection.fetch("select job, tick, count(*) from ledger.tick group by job, tick")
        lost = await connection.fetchval("select count(*) from serai.job_run where state = 'lost'")
        twice = await connection.fetch(
            "select r.job, r.tick from serai.job_run r join serai.job j on (j.plugin, j.name) = (r.plugin, r.job)"
            " where not j.rerun group by r.job, r.tick having count(*) > 1"
        )

    assert writers.acknowledged - entries.keys() == set(), "acknowledged, and lost"
    assert [number for number, times in entries.items() if times > 1] == [], "doubled"
    assert entries.keys() - writers.acknowledged - writers.uncertain == set(), "nobody wrote these"
    assert [row for row in ticks if row["count"] > 1] == []
    assert ticks
    assert lost
    assert twice == []
    assert set(writers.statuses) <= {201, 503}, writers.statuses
    assert len(writers.acknowledged) > BLOCKS * len(VICTIMS)
    assert serai.stop() == 0
    assert serai.processes() == []


async def cut_runs_are_recorded(connection) -> bool:
    """Whether no run is left open whose process is gone."""
    return not await connection.fetchval(
        "select count(*) from serai.job_run where started_at is not null and finished_at is null"
        " and process_id not in (select id from serai.process)"
    )


class Plainly:
    """The link of a driver that is used without a kernel."""

    name = "ehr"
    log = logs.get("tests")


async def isapi_has_its_source(connection) -> bool:
    async with connect(DemoSettings(size=200), Plainly()) as source, source.open() as reading:
        people = [row[0] async for batch in reading.batches(PERSON) for row in batch]
    stored = [row["emplid"] for row in await connection.fetch("select emplid from isapi.person")]
    assert len(stored) == len(set(stored))
    return sorted(stored) == sorted(people)
