from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from types import SimpleNamespace
from urllib.parse import urlsplit

import asyncpg
import pytest
import structlog
from sqlalchemy import text

from serai.declarations import Setting, job
from serai.errors import NotFound, PluginError, SeraiError, Unavailable
from serai.telemetry import current
from serai.work import history
from serai.work.runner import JobRunner

HOURLY = "0 * * * *"


class WallClock:
    """A wall clock that stands still until it is set."""

    def __init__(self, text_: str = "2026-11-23 10:30") -> None:
        self.now = datetime.fromisoformat(text_).replace(tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def step(self, **delta: float) -> None:
        self.now += timedelta(**delta)


@pytest.fixture
def clock() -> WallClock:
    return WallClock()


@pytest.fixture
async def runners(kernel_database, clock):
    """Start runners on one database, each as a process of its own would have it."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(name="p1", clock=clock, lease=30.0) -> JobRunner:
            runner = JobRunner(kernel_database, name, clock, structlog.get_logger(), lease=lease)
            await runner.start()
            stack.push_async_callback(runner.stop, 0)
            return runner

        yield start


@pytest.fixture
def runs_of(kernel_database, eventually):
    """The runs of `demo.NAME`, oldest first, once so many of them have finished."""

    async def look(name: str, finished: int):
        async def enough():
            try:
                runs = await history.list_runs(kernel_database, "demo", name, limit=1000)
            except Unavailable:  # its connection was one of those that the test cut
                return None
            return [runs[::-1]] if sum(run.finished_at is not None for run in runs) >= finished else None

        (runs,) = await eventually(enough)
        return runs

    return look


def quiet(cron=HOURLY, **options):
    @job(cron=cron, zone="UTC", **options)
    async def tidy(ctx, run):
        """Tidy up.

        More of it.
        """

    return tidy


def held(cron=HOURLY, **options):
    """A job that stays until its gate opens."""
    gate, started = asyncio.Event(), asyncio.Event()

    @job(cron=cron, zone="UTC", **options)
    async def sync(ctx, run):
        started.set()
        await gate.wait()

    return SimpleNamespace(job=sync, gate=gate, started=started)


async def add(runner, *jobs, settings=None):
    await runner.add("demo", "1.2.0", jobs, SimpleNamespace(name="demo"), settings)


async def test_a_due_job_runs_once_and_says_so(runners, clock, runs_of):
    runner = await runners()
    await add(runner, quiet())
    clock.step(minutes=30, seconds=1)
    runner.wake()
    runner.wake()
    (run,) = await runs_of("tidy", 1)
    assert (run.state, run.cause, run.version, run.process_id) == ("succeeded", "schedule", "1.2.0", "p1")
    assert run.tick == datetime(2026, 11, 23, 11, tzinfo=UTC)


async def test_the_heartbeat_wakes_by_itself(runners, runs_of):
    runner = await runners(clock=lambda: datetime.now(UTC))
    await add(runner, quiet("* * * * * *"))
    assert len(await runs_of("tidy", 2)) >= 2


async def test_three_processes_run_each_tick_once_and_nothing_twice_at_a_time(runners, runs_of):
    at_once, most = 0, 0

    @job(cron="* * * * * *", zone="UTC")
    async def long(ctx, run):
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(1.4)
        at_once -= 1

    for name in ("p1", "p2", "p3"):
        await add(await runners(name, clock=lambda: datetime.now(UTC)), quiet("* * * * * *"), long)
    runs = await runs_of("tidy", 4)
    ticks = [run.tick for run in runs]
    assert len(ticks) == len(set(ticks))
    assert {later - earlier for earlier, later in pairwise(ticks)} == {timedelta(seconds=1)}
    assert len(await runs_of("long", 2)) >= 2
    assert most == 1


async def test_a_blocked_loop_gives_one_run_for_all_that_passed(runners, runs_of):
    runner = await runners(clock=lambda: datetime.now(UTC))
    await add(runner, quiet("* * * * * *"))
    before = await runs_of("tidy", 1)
    time.sleep(3.2)  # noqa: ASYNC251  # blocks on purpose
    runs = await runs_of("tidy", len(before) + 1)
    first_after = runs[len(before)]
    assert first_after.tick - before[-1].tick >= timedelta(seconds=3)
    assert first_after.cause == "catch-up"


async def test_jobs_go_on_when_the_wall_clock_is_set(runners, clock, runs_of):
    runner = await runners()
    await add(runner, quiet("*/5 * * * *"))
    for finished, step in enumerate([{"minutes": 5}, {"hours": 2}, {"hours": -3}, {"minutes": 5}, {"minutes": 5}]):
        clock.step(**step)
        runner.wake()
        if step != {"hours": -3}:
            await runs_of("tidy", finished + (1 if finished < 2 else 0))
    ticks = [run.tick.strftime("%H:%M") for run in await runs_of("tidy", 4)]
    assert ticks == ["10:35", "12:35", "09:40", "09:45"]


@pytest.mark.parametrize(("misfire", "ticks"), [("once", [("17:00", "catch-up")]), ("skip", [])])
async def test_ticks_that_passed_while_nobody_ran(kernel_database, clock, runners, runs_of, misfire, ticks):
    before = await runners("before")
    await add(before, quiet(misfire=misfire))
    await before.remove("demo", 0)
    clock.step(hours=7)
    after = await runners("after")
    await add(after, quiet(misfire=misfire))
    after.wake()
    runs = await runs_of("tidy", len(ticks))
    assert [(run.tick.strftime("%H:%M"), run.cause) for run in runs] == ticks
    clock.step(minutes=30)
    after.wake()
    assert (await runs_of("tidy", len(ticks) + 1))[-1].cause == "schedule"


async def test_a_tick_during_a_run_is_made_up_for_when_it_has_ended(runners, clock, runs_of):
    sync = held("*/5 * * * *")
    runner = await runners()
    await add(runner, sync.job)
    clock.step(minutes=5)
    runner.wake()
    await sync.started.wait()
    clock.step(minutes=11)
    runner.wake()
    assert len(await runs_of("sync", 0)) == 1
    sync.gate.set()
    runs = await runs_of("sync", 2)
    assert [run.tick.strftime("%H:%M") for run in runs] == ["10:35", "10:45"]
    assert runs[1].cause == "catch-up"


async def test_another_process_takes_the_tick_that_found_the_job_busy(runners, clock, runs_of):
    sync = held("*/5 * * * *")
    first, second = await runners("first"), await runners("second")
    await add(first, sync.job)
    await add(second, sync.job)
    clock.step(minutes=5)
    first.wake()
    await sync.started.wait()
    await first.remove("demo", 0)
    runs = await runs_of("sync", 1)
    assert runs[0].state == "cancelled"
    clock.step(minutes=5)
    sync.gate.set()
    second.wake()
    assert [run.process_id for run in await runs_of("sync", 2)] == ["first", "second"]


async def test_jitter_delays_a_run_equally_in_all_processes(runners, clock, runs_of):
    jobs = quiet(jitter=600.0)
    one, two = await runners("one"), await runners("two")
    await add(one, jobs)
    await add(two, jobs)
    clock.step(minutes=30)
    one.wake()
    two.wake()
    assert await runs_of("tidy", 0) == []
    clock.step(minutes=10)
    one.wake()
    two.wake()
    (run,) = await runs_of("tidy", 1)
    assert run.tick.strftime("%H:%M") == "11:00"


async def test_a_new_job_runs_at_once_if_it_wishes_and_only_the_first_time(runners, runs_of):
    for name in ("p1", "p2"):
        runner = await runners(name)
        await add(runner, quiet(run_when_new=True))
        runner.wake()
        (run,) = await runs_of("tidy", 1)
    assert (run.cause, run.state) == ("new", "succeeded")


async def test_a_new_job_that_failed_is_tried_again_when_its_plugin_starts_again(runners, runs_of):
    async def tidy(ctx, run):
        """Tidy."""
        raise OSError("the broom is away")

    runner = await runners("p1")
    await add(runner, job(cron="0 0 1 1 *", run_when_new=True)(tidy))
    runner.wake()
    (run,) = await runs_of("tidy", 1)
    assert run.state == "failed"
    runner = await runners("p2")
    await add(runner, quiet(run_when_new=True))
    runner.wake()
    runs = await runs_of("tidy", 2)
    assert sorted(run.state for run in runs) == ["failed", "succeeded"]


async def test_a_person_may_ask_for_a_run_and_any_process_takes_it(kernel_database, runners, runs_of):
    await add(await runners(), quiet())
    run_id = await history.request_run(kernel_database, "demo", "tidy", "ada")
    (run,) = await runs_of("tidy", 1)
    assert (run.id, run.cause, run.requested_by, run.state) == (run_id, "manual", "ada", "succeeded")


async def test_asking_twice_while_one_waits_runs_once(kernel_database, runners, runs_of):
    runner = await runners()
    sync = held()
    await add(runner, sync.job)
    first = await history.request_run(kernel_database, "demo", "sync", "ada")
    await sync.started.wait()
    second = await history.request_run(kernel_database, "demo", "sync", "ada")
    assert await history.request_run(kernel_database, "demo", "sync", "bob") == second != first
    sync.gate.set()
    assert [run.id for run in await runs_of("sync", 2)] == [first, second]


async def test_a_paused_job_rests_until_it_is_resumed(kernel_database, runners, clock, runs_of):
    runner = await runners()
    await add(runner, quiet())
    await history.pause(kernel_database, "demo", "tidy", "ada")
    (summary,) = await history.list_jobs(kernel_database)
    assert (summary.paused, summary.switched_by, summary.next_due) == (True, "ada", None)
    clock.step(minutes=30)
    runner.wake()
    await history.request_run(kernel_database, "demo", "tidy", "ada")
    await runs_of("tidy", 1)
    await history.resume(kernel_database, "demo", "tidy", "bob")
    clock.step(hours=1)
    runner.wake()
    assert [run.cause for run in await runs_of("tidy", 2)] == ["manual", "schedule"]


async def test_jobs_are_listed_without_the_plugin(kernel_database, runners, runs_of):
    runner = await runners()
    await add(runner, quiet(Setting("rhythm")), settings=SimpleNamespace(rhythm="15 3 * * *"))
    await history.request_run(kernel_database, "demo", "tidy", "ada")
    await runs_of("tidy", 1)
    await runner.remove("demo", 0)
    (summary,) = await history.list_jobs(kernel_database)
    assert (summary.plugin, summary.name, summary.title) == ("demo", "tidy", "Tidy up.")
    assert (summary.schedule, summary.zone, summary.version) == ("15 3 * * *", "UTC", "1.2.0")
    assert summary.next_due
    assert (summary.next_due.hour, summary.next_due.minute) == (3, 15)
    assert summary.last_run
    assert summary.last_run.state == "succeeded"


async def test_a_job_that_is_declared_no_longer_is_gone_and_comes_back_without_a_backlog(
    kernel_database, runners, clock, runs_of
):
    runner = await runners()
    await add(runner, quiet())
    await runner.remove("demo", 0)
    await add(runner)
    assert await history.list_jobs(kernel_database) == []
    clock.step(hours=5)
    await add(runner, quiet())
    runner.wake()
    clock.step(hours=1)
    runner.wake()
    assert [run.tick.strftime("%H:%M") for run in await runs_of("tidy", 1)] == ["16:00"]


async def test_a_new_schedule_makes_no_backlog(runners, clock, runs_of):
    runner = await runners()
    await add(runner, quiet("0 2 * * *"))
    await runner.remove("demo", 0)
    clock.step(minutes=45)
    await add(runner, quiet(HOURLY))
    runner.wake()
    clock.step(hours=1)
    runner.wake()
    assert [run.tick.strftime("%H:%M") for run in await runs_of("tidy", 1)] == ["12:00"]


async def test_nobody_can_ask_for_what_is_not_there(kernel_database, runners):
    await add(await runners(), quiet())
    with pytest.raises(NotFound, match=r"demo.tidi.*demo.tidy"):
        await history.request_run(kernel_database, "demo", "tidi", "ada")
    with pytest.raises(NotFound, match="no run 4711"):
        await history.run(kernel_database, 4711)


async def test_a_schedule_that_is_none_is_refused_when_the_plugin_comes(runners):
    with pytest.raises(PluginError, match=r"tidy of plugin demo, setting rhythm.*'often'"):
        await add(await runners(), quiet(Setting("rhythm")), settings=SimpleNamespace(rhythm="often"))


async def test_an_error_is_told_in_a_sentence_and_its_trace_is_kept(kernel_database, runners, runs_of):
    @job(cron=HOURLY)
    async def explains(ctx, run):
        raise SeraiError("The HR database has no view employees", hint="ask its owner")

    @job(cron=HOURLY)
    async def stumbles(ctx, run):
        raise KeyError("13800138000")

    @job(cron=HOURLY)
    async def leaves(ctx, run):
        sys.exit("enough")

    await add(await runners(), explains, stumbles, leaves)
    for name, said in {
        "explains": "The HR database has no view employees (ask its owner)",
        "stumbles": "KeyError at tests/test_jobs.py:",
        "leaves": "RuntimeError at ",
    }.items():
        await history.request_run(kernel_database, "demo", name, "ada")
        (run,) = await runs_of(name, 1)
        assert run.state == "failed"
        assert run.error.startswith(said)
        assert "13800138000" not in run.error
        assert f"in {name}" in (await history.run(kernel_database, run.id)).trace


async def test_a_run_beyond_its_time_limit_is_cut(kernel_database, runners, runs_of):
    sync = held(timeout=0.1)
    await add(await runners(), sync.job)
    await history.request_run(kernel_database, "demo", "sync", "ada")
    (run,) = await runs_of("sync", 1)
    assert (run.state, run.error) == ("timeout", "It did not end within its time limit of 0.1 s.")


async def test_progress_and_log_lines_are_seen_while_it_runs(kernel_database, runners, eventually):
    gate, seen = asyncio.Event(), {}

    @job(cron=HOURLY)
    async def sync(ctx, run):
        seen.update(plugin=current.plugin.get(), run=current.run_id.get(), ctx=ctx.name)
        current.run_lines.get().append("half of it is read\0")
        run.progress("reading", done=3, total=10)
        await gate.wait()

    await add(await runners(), sync)
    run_id = await history.request_run(kernel_database, "demo", "sync", "ada")

    async def noted():
        detail = await history.run(kernel_database, run_id)
        return detail.note and detail

    detail = await eventually(noted)
    gate.set()
    assert (detail.state, detail.note, detail.done, detail.total) == ("running", "reading", 3, 10)
    assert detail.lines == ["half of it is read\N{REPLACEMENT CHARACTER}"]
    assert seen == {"plugin": "demo", "run": run_id, "ctx": "demo"}
    assert current.run_id.get() is None


async def test_old_runs_are_forgotten(kernel_database, runners, runs_of):
    await add(await runners(), quiet())
    async with kernel_database.begin() as connection:
        await connection.execute(
            text(
                "insert into serai.job_run (plugin, job, tick, cause, state, started_at, finished_at)"
                " select 'demo', 'tidy', timestamptz '2026-01-01' + n * interval '1 minute', 'schedule', 'succeeded',"
                " now(), now() from generate_series(1, 300) n"
            )
        )
    newest = await history.request_run(kernel_database, "demo", "tidy", "ada")
    runs = await runs_of("tidy", 200)
    while runs[-1].state == "waiting" or len(runs) > 200:
        runs = await runs_of("tidy", 200)
    assert (len(runs), runs[-1].id) == (200, newest)


async def test_a_plugin_that_stops_lets_its_runs_end_within_the_grace(kernel_database, runners, runs_of):
    sync = held()
    runner = await runners()
    await add(runner, sync.job)
    await history.request_run(kernel_database, "demo", "sync", "ada")
    await sync.started.wait()
    asyncio.get_running_loop().call_later(0.1, sync.gate.set)
    await runner.remove("demo", 30)
    assert [run.state for run in await runs_of("sync", 1)] == ["succeeded"]


@pytest.mark.parametrize(("rerun", "states"), [(False, ["cancelled"]), (True, ["cancelled", "succeeded"])])
async def test_a_plugin_that_stops_cuts_what_outlasts_the_grace(kernel_database, runners, runs_of, rerun, states):
    sync = held(rerun=rerun)
    runner = await runners("old")
    await add(runner, sync.job)
    await history.request_run(kernel_database, "demo", "sync", "ada")
    await sync.started.wait()
    await runner.remove("demo", 0.05)
    (run, *_) = await runs_of("sync", 1)
    assert (run.state, run.error) == ("cancelled", "The plugin was stopped before the run ended.")
    sync.gate.set()
    await add(await runners("new"), sync.job)
    assert [run.state for run in await runs_of("sync", len(states))] == states


async def test_a_handler_that_will_not_end_does_not_hold_up_the_stop(kernel_database, runners, runs_of, monkeypatch):
    monkeypatch.setattr("serai.work.runner.LET_GO", 0.1)
    gate, started = asyncio.Event(), asyncio.Event()

    @job(cron=HOURLY)
    async def stubborn(ctx, run):
        started.set()
        while not gate.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await gate.wait()

    runner = await runners()
    await add(runner, stubborn)
    await history.request_run(kernel_database, "demo", "stubborn", "ada")
    await started.wait()
    await runner.remove("demo", 0)
    gate.set()
    (run,) = await runs_of("stubborn", 1)
    assert run.state == "cancelled"
    assert run.error.endswith("The handler ignores that and may go on.")


OWNER = """
import asyncio, sys
from datetime import UTC, datetime
from types import SimpleNamespace
import structlog
from serai.data.connections import Connections
from serai.declarations import job
from serai.work import history
from serai.work.runner import JobRunner

@job(cron="0 0 1 1 *", rerun=sys.argv[2] == "rerun")
async def sync(ctx, run):
    print("started", flush=True)
    await asyncio.sleep(60)

async def main():
    connections = Connections(sys.argv[1], 5)
    await connections.open()
    database = connections.database("serai")
    runner = JobRunner(database, "doomed", lambda: datetime.now(UTC), structlog.get_logger(), lease=1)
    await runner.start()
    await runner.add("demo", "1.2.0", [sync], SimpleNamespace(), None)
    await history.request_run(database, "demo", "sync", "ada")
    await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.mark.parametrize(("rerun", "states"), [(False, ["lost"]), (True, ["lost", "succeeded"])])
async def test_a_run_whose_process_was_killed_is_lost_and_repeated_only_if_that_does_no_harm(
    database_url, runners, runs_of, rerun, states
):
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        OWNER,
        database_url,
        "rerun" if rerun else "once",
        stdout=asyncio.subprocess.PIPE,
    )
    assert await process.stdout.readline() == b"started\n"
    process.send_signal(signal.SIGKILL)
    await process.wait()
    sync = held("0 0 1 1 *", rerun=rerun)
    sync.gate.set()
    await add(await runners("heir", lease=1), sync.job)
    runs = await runs_of("sync", len(states))
    assert [run.state for run in runs] == states
    assert runs[0].error.startswith("Its process died")
    if rerun:
        assert (runs[1].cause, runs[1].attempt, runs[1].tick) == ("rerun", 2, runs[0].tick)


@pytest.fixture
def cut_connections(postgres_server, database_url):
    """Cut all connections to the test's database, and refuse or allow new ones."""
    name = urlsplit(database_url).path.lstrip("/")

    async def cut(*, allow: bool) -> None:
        admin = await asyncpg.connect(postgres_server)
        try:
            await admin.execute(f"alter database {name} with allow_connections {str(allow).lower()}")
            await admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", name)
        finally:
            await admin.close()

    return cut


async def test_a_run_outlives_cut_connections(kernel_database, runners, runs_of, cut_connections):
    sync = held()
    await add(await runners(), sync.job)
    await history.request_run(kernel_database, "demo", "sync", "ada")
    await sync.started.wait()
    await cut_connections(allow=True)
    sync.gate.set()
    assert [run.state for run in await runs_of("sync", 1)] == ["succeeded"]


async def test_the_end_of_a_run_is_recorded_when_the_database_is_back(
    runners, clock, runs_of, cut_connections, eventually
):
    sync = held()
    runner = await runners()
    await add(runner, sync.job)
    clock.step(minutes=30)
    runner.wake()
    await sync.started.wait()
    await cut_connections(allow=False)
    with structlog.testing.capture_logs() as logs:
        sync.gate.set()

        async def complained():
            return any("could not be recorded yet" in line["event"] for line in logs)

        await eventually(complained)
    await cut_connections(allow=True)
    assert [run.state for run in await runs_of("sync", 1)] == ["succeeded"]
    clock.step(hours=1)
    runner.wake()
    assert len(await runs_of("sync", 2)) == 2


async def test_a_run_is_cut_when_its_lease_cannot_be_kept(kernel_database, runners, runs_of, cut_connections):
    ended = asyncio.Event()

    @job(cron=HOURLY)
    async def sync(ctx, run):
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    started = asyncio.Event()
    await add(await runners(lease=1), sync)
    await history.request_run(kernel_database, "demo", "sync", "ada")
    await started.wait()
    await cut_connections(allow=False)
    await asyncio.wait_for(ended.wait(), 15)
    await cut_connections(allow=True)
    assert [run.state for run in await runs_of("sync", 1)] == ["lost"]
