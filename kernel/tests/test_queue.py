from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from types import SimpleNamespace

import pytest
import structlog
from msgspec import Struct
from sqlalchemy import text

from serai.context import Context
from serai.declarations import Retry, TaskRun, task
from serai.errors import NotFound, PluginError, Unavailable
from serai.work import backlog
from serai.work.queue_driver import Ears, ManagerDriver, queries
from serai.work.task_runner import TaskRunner


class Letter(Struct):
    to: str


class Parcel(Struct):
    weight: int


def worker(calls, retry=None, **options):
    """A task that notes whom it was called for."""

    @task(retry=retry or Retry(), **options)
    async def deliver(ctx: Context, run: TaskRun[Letter]) -> None:
        calls.append((run.payload.to, run.attempt))

    return deliver


def failing(error, retry=Retry()):  # noqa: B008
    @task(retry=retry)
    async def deliver(ctx: Context, run: TaskRun[Letter]) -> None:
        structlog.get_logger().info("trying")
        raise error

    return deliver


def held(retry=None, timeout=60.0):
    """A task that stays until its gate opens."""
    gate, started, calls = asyncio.Event(), asyncio.Event(), []

    @task(retry=retry or Retry(), timeout=timeout)
    async def deliver(ctx: Context, run: TaskRun[Letter]) -> None:
        calls.append(run.attempt)
        started.set()
        await gate.wait()

    return SimpleNamespace(task=deliver, gate=gate, started=started, calls=calls)


@pytest.fixture
async def runners(kernel_database):
    """Start runners on one database, each as a process of its own would have it."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(*tasks, name="p1", lease=30.0) -> SimpleNamespace:
            runner = TaskRunner(kernel_database, name, structlog.get_logger(), lease=lease)
            runner.start()
            stack.push_async_callback(runner.stop, 0)
            runner.add("demo", "1.2.0", tasks, SimpleNamespace(name="demo"))
            return SimpleNamespace(runner=runner, queue=runner.queue_of("demo", tasks))

        yield start


@pytest.fixture
def rows(kernel_database):
    async def look(where="true"):
        async with kernel_database.connect() as connection:
            query = text(f"select id, status::text, attempts from serai.pgqueuer where {where} order by id")
            return (await connection.execute(query)).all()

    return look


async def test_what_is_put_is_done_and_leaves_the_queue(runners, rows, eventually):
    calls = []
    deliver = worker(calls)
    demo = await runners(deliver)
    await demo.queue.put(deliver, Letter("ada"))
    await eventually(lambda: calls == [("ada", 1)])

    async def empty():
        return await rows() == []

    await eventually(empty)


async def test_what_is_put_in_a_transaction_is_there_if_that_commits_and_never_if_not(
    kernel_database, runners, rows, eventually
):
    deliver = worker([])
    demo = await runners()
    demo.queue = demo.runner.queue_of("demo", [deliver])
    with contextlib.suppress(ZeroDivisionError):
        async with kernel_database.begin() as connection:
            await demo.queue.put(deliver, Letter("ada"), connection=connection)
            raise ZeroDivisionError
    with contextlib.suppress(ZeroDivisionError):
        async with kernel_database.raw() as connection, connection.transaction():
            await demo.queue.put(deliver, Letter("ada"), connection=connection)
            raise ZeroDivisionError
    assert await rows() == []
    async with kernel_database.begin() as connection:
        await demo.queue.put(deliver, Letter("ada"), connection=connection)
        assert await rows() == []
    assert len(await rows("status = 'queued'")) == 1


async def test_the_same_key_is_put_once_while_it_waits(runners, rows):
    deliver = worker([])
    demo = await runners()
    demo.queue = demo.runner.queue_of("demo", [deliver])
    assert await demo.queue.put(deliver, Letter("ada"), dedupe_key="ada")
    assert await demo.queue.put(deliver, Letter("ada"), dedupe_key="ada") is None
    assert await demo.queue.put(deliver, Letter("bob"), dedupe_key="bob")
    assert len(await rows()) == 2


async def test_what_is_delayed_waits(runners, eventually):
    calls = []
    deliver = worker(calls)
    demo = await runners(deliver)
    await demo.queue.put(deliver, Letter("later"), delay=0.6)
    await demo.queue.put(deliver, Letter("now"))
    await eventually(lambda: [to for to, _ in calls] == ["now", "later"])


async def test_only_declared_tasks_with_their_own_payload_are_put(runners):
    deliver = worker([])
    demo = await runners(deliver)
    with pytest.raises(PluginError, match="does not declare"):
        await demo.queue.put(worker([]), Letter("ada"))
    with pytest.raises(TypeError, match="takes Letter, not str"):
        await demo.queue.put(deliver, "ada")


async def test_a_failure_is_tried_again_and_held_in_the_end(kernel_database, runners, eventually):
    deliver = failing(OSError("the printer is away"), Retry((0.0, 0.0)))
    demo = await runners(deliver)
    await demo.queue.put(deliver, Letter("ada"))

    async def is_held():
        return [task for task in await backlog.failed(kernel_database) if task.state == "held"]

    (task,) = await eventually(is_held)
    assert (task.task, task.failures, task.error) == ("demo.deliver", 3, "the printer is away")
    detail = await backlog.failed_task(kernel_database, task.id)
    assert "OSError: the printer is away" in detail.trace
    (summary,) = await backlog.summaries(kernel_database)
    assert (summary.waiting, summary.running, summary.held) == (0, 0, 1)


async def test_an_errors_text_is_kept_out_of_the_queue_where_it_may_hold_personal_data(
    kernel_database, runners, eventually
):
    deliver = failing(ValueError("13800138000"))
    demo = await runners(deliver)
    await demo.queue.put(deliver, Letter("ada"))
    (task,) = await eventually(lambda: backlog.failed(kernel_database))
    assert task.error.startswith("ValueError at ")
    async with kernel_database.connect() as connection:
        logged = await connection.scalars(text("select traceback::text from serai.pgqueuer_log"))
    assert not any("13800138000" in (line or "") for line in logged)


async def test_a_held_task_is_done_after_retry_and_gone_after_drop(kernel_database, runners, rows, eventually):
    broken = True
    done = []

    @task(retry=Retry())
    async def deliver(ctx: Context, run: TaskRun[Letter]) -> None:
        if broken:
            raise OSError("broken")
        done.append(run.payload.to)

    demo = await runners(deliver)
    for to in ("ada", "bob"):
        await demo.queue.put(deliver, Letter(to))

    async def both_held():
        return len(await rows("status = 'failed'")) == 2 and await rows()

    first, second = await eventually(both_held)
    broken = False
    await backlog.drop(kernel_database, second.id)
    assert await backlog.retry(kernel_database, None) == [first.id]
    await eventually(lambda: done == ["ada"])
    with pytest.raises(NotFound):
        await backlog.retry(kernel_database, second.id)

    async def forgotten():
        return not await backlog.failed(kernel_database)

    await eventually(forgotten)


async def test_an_attempt_is_cut_off_at_its_time_limit(kernel_database, runners, eventually):
    slow = held(timeout=0.1)
    demo = await runners(slow.task)
    await demo.queue.put(slow.task, Letter("ada"))
    (task,) = await eventually(lambda: backlog.failed(kernel_database))
    assert task.error == "It did not end within its time limit of 0.1 s."


async def test_a_payload_of_another_shape_is_held_at_once(kernel_database, runners, eventually):
    @task()
    async def deliver(ctx: Context, run: TaskRun[Parcel]) -> None:
        raise AssertionError

    demo = await runners()
    await demo.runner.queue_of("demo", [deliver]).put(deliver, Parcel(3))
    await runners(worker([]), name="p2")

    async def is_held():
        return [task for task in await backlog.failed(kernel_database) if task.state == "held"]

    (failed,) = await eventually(is_held)
    assert failed.error.startswith("Its payload is no Letter of this version of the plugin")


async def test_stopping_waits_for_what_goes_on(runners, rows):
    slow = held()
    demo = await runners(slow.task)
    await demo.queue.put(slow.task, Letter("ada"))
    await slow.started.wait()
    stopping = asyncio.create_task(demo.runner.remove("demo", 10))
    await asyncio.sleep(0)
    slow.gate.set()
    await stopping
    assert await rows() == []


async def test_past_the_grace_a_task_goes_back_to_the_queue_and_another_process_does_it(runners, rows, eventually):
    slow = held()
    demo = await runners(slow.task)
    await demo.queue.put(slow.task, Letter("ada"))
    await slow.started.wait()
    await demo.runner.remove("demo", 0)
    assert [row.status for row in await rows()] == ["queued"]
    calls = []
    await runners(worker(calls), name="p2")
    await eventually(lambda: calls == [("ada", 1)])  # being stopped was no failure


async def test_draining_one_plugin_leaves_the_other_at_work(runners, eventually):
    mine, theirs = [], []
    demo = await runners(worker(mine))
    other = worker(theirs)
    demo.runner.add("other", "1.0", [other], SimpleNamespace())
    await demo.runner.remove("demo", 1)
    await demo.runner.queue_of("other", [other]).put(other, Letter("bob"))
    await eventually(lambda: theirs == [("bob", 1)])
    assert mine == []


async def test_work_goes_on_when_every_connection_was_cut(kernel_database, runners, eventually):
    calls = []
    deliver = worker(calls)
    demo = await runners(deliver)
    await demo.queue.put(deliver, Letter("before"))
    await eventually(lambda: len(calls) == 1)
    async with kernel_database.raw() as connection:
        await connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid()"
        )

    async def put():
        with contextlib.suppress(Unavailable):
            return await demo.queue.put(deliver, Letter("after"), dedupe_key="after")

    await eventually(put)
    await eventually(lambda: ("after", 1) in calls)


KILLED = """
import asyncio, os, signal, sys
import structlog
from types import SimpleNamespace
from msgspec import Struct
from serai import Context, TaskRun, task
from serai.data.connections import Connections
from serai.work.task_runner import TaskRunner

class Letter(Struct):
    to: str

@task()
async def deliver(ctx: Context, run: TaskRun[Letter]) -> None:
    os.kill(os.getpid(), signal.SIGKILL)

async def main():
    connections = Connections(sys.argv[1], budget=5)
    await connections.open()
    runner = TaskRunner(connections.database("serai"), "killed", structlog.get_logger())
    runner.start()
    runner.add("demo", "1.0", [deliver], SimpleNamespace())
    await asyncio.sleep(30)

asyncio.run(main())
"""


async def test_what_a_killed_process_had_begun_is_done_by_another(database_url, runners, rows, eventually):
    calls = []
    deliver = worker(calls)
    waiting = await runners()
    await waiting.runner.queue_of("demo", [deliver]).put(deliver, Letter("ada"))
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED, database_url)
    assert await process.wait() == -signal.SIGKILL
    assert [row.status for row in await rows()] == ["picked"]
    await runners(deliver, name="p2", lease=0.5)
    await eventually(lambda: calls == [("ada", 1)])


async def test_a_task_that_kills_every_process_is_held(kernel_database, runners, eventually):
    deliver = worker(calls := [])
    demo = await runners()
    task_id = await demo.runner.queue_of("demo", [deliver]).put(deliver, Letter("ada"))
    async with kernel_database.raw() as connection:  # what three killed processes leave behind
        await connection.execute("update serai.pgqueuer set status = 'picked', heartbeat = now() - interval '1 day'")
        for _ in range(3):
            await connection.execute(
                "insert into serai.pgqueuer_log (job_id, status, priority, entrypoint) "
                "values ($1, 'picked', 0, 'demo.deliver')",
                task_id,
            )
    await runners(deliver, name="p2")
    (failed,) = await eventually(lambda: backlog.failed(kernel_database))
    assert failed.error == "3 processes died while they worked on it."
    assert calls == []


async def test_the_revision_makes_what_the_installed_pgqueuer_expects(kernel_database):
    driver = ManagerDriver(kernel_database, Ears(kernel_database))
    assert (await queries(driver).plan_upgrade()).statements == ()


def test_a_task_says_what_its_payload_is():
    async def deliver(ctx, run):
        """Without types."""

    with pytest.raises(TypeError, match="deliver takes no `run: TaskRun"):
        task()(deliver)
