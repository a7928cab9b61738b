"""Log lines: whose they are, what they show, and what they never show."""

from __future__ import annotations

import asyncio
import errno
import io
import json
import logging
import os
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa
import structlog
from sqlalchemy.ext.asyncio import create_async_engine

from serai.config import Secret
from serai.telemetry import access, current, failures, logs

HIDDEN = "13800138000"


@pytest.fixture(autouse=True)
def untouched() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:], root.level = handlers, level
    logging.captureWarnings(False)
    structlog.reset_defaults()
    for variable in (current.plugin, current.request_id, current.run_id, current.run_lines):
        variable.set(None)


@pytest.fixture
def entries() -> Any:
    """`entries()`: what was logged since, as JSON objects."""
    stream = io.StringIO()
    logs.configure("json", "debug", stream)

    def read() -> list[dict[str, Any]]:
        logs.flush()
        return [json.loads(line) for line in stream.getvalue().splitlines()]

    return read


@pytest.fixture
def console() -> io.StringIO:
    stream = io.StringIO()
    logs.configure("console", "info", stream)
    return stream


async def as_plugin(name: str, work: Any) -> None:
    """What the kernel does around a request: the context is of this task alone."""
    current.plugin.set(name)
    current.request_id.set(f"r-{name}")
    await asyncio.sleep(0)
    work()


async def test_lines_of_libraries_carry_the_plugin_in_whose_task_they_are_written(entries: Any) -> None:
    library = logging.getLogger("some.library")
    await asyncio.gather(
        *(asyncio.create_task(as_plugin(name, lambda: library.warning("%d left", 3))) for name in ("isapi", "outage"))
    )
    library.info("outside")
    first, second, outside = entries()
    assert {key: first[key] for key in ("level", "logger", "event", "plugin", "request")} == {
        "level": "warning",
        "logger": "some.library",
        "event": "3 left",
        "plugin": "isapi",
        "request": "r-isapi",
    }
    assert (second["plugin"], second["request"]) == ("outage", "r-outage")
    assert "plugin" not in outside


async def test_lines_of_plugins_carry_their_values(entries: Any) -> None:
    current.plugin.set("isapi")
    current.run_id.set(7)
    logs.get("isapi").info("synced", rows=5, parts=["a", {"b": 1.5}], none=None, plugin="not mine", nan=float("nan"))
    structlog.get_logger("own").warning("by structlog itself")
    line, other = entries()
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "level": "info",
        "logger": "isapi",
        "plugin": "isapi",
        "event": "synced",
        "run": 7,
        "rows": 5,
        "parts": ["a", {"b": 1.5}],
        "none": None,
        "nan": "nan",
    }
    assert (other["logger"], other["plugin"], other["event"]) == ("own", "isapi", "by structlog itself")


def test_the_level_is_that_of_the_settings_and_noise_is_kept_out(console: io.StringIO) -> None:
    logs.get("x").debug("no")
    logging.getLogger("asyncio").info("Using selector: EpollSelector")
    logging.getLogger("alembic.runtime.migration").info("Context impl PostgresqlImpl.")
    assert console.getvalue() == ""


def test_configuring_again_replaces_the_output(console: io.StringIO) -> None:
    logs.get("x").info("first")
    second = io.StringIO()
    logs.configure("json", "warning", second)
    logs.get("x").warning("second")
    logs.get("x").info("neither")
    assert console.getvalue().count("\n") == 1
    assert json.loads(second.getvalue())["event"] == "second"


def test_lines_for_people_are_one_line_with_the_trace_below(console: io.StringIO) -> None:
    try:
        raise ValueError("first\nsecond")
    except ValueError:
        logs.get("isapi").exception("it failed", note="two words", rows=5)
    line, *trace = console.getvalue().splitlines()
    assert line.split(" ", 1)[1] == 'error   isapi: it failed note="two words" rows=5'
    assert trace[-2:] == ["    ValueError: first", "    second"]
    assert any("test_logs.py" in each for each in trace)
    assert all(each.startswith("    ") for each in trace)


@pytest.mark.parametrize("format_", ["json", "console"])
def test_nothing_in_a_line_can_fake_another_or_move_the_cursor(format_: Any) -> None:
    stream = io.StringIO()
    logs.configure(format_, "info", stream)
    evil = "a\n2026-11-23 error\r\x1b[2J\x9b\u2028\u202e\udc80\0 数据"
    logs.get("x").info(evil, value=evil, nested={evil: [evil]})
    logging.getLogger("y").info(evil)
    text = stream.getvalue()
    text.encode()
    assert len(text.split("\n")) == 3
    assert all(character.isprintable() for character in text.replace("\n", ""))
    assert "数据" in text


def test_secrets_are_not_shown(entries: Any) -> None:
    secret = Secret(HIDDEN)
    logs.get("x").info("a", secret=secret, deep={"k": [secret]}, deeper=[[[[[[secret]]]]]])
    logging.getLogger("y").warning("%s %r", secret, {"k": secret})
    try:
        raise ValueError(f"bad {secret}", secret)
    except ValueError:
        logs.get("x").exception("b")
    assert len(entries()) == 3
    assert HIDDEN not in json.dumps(entries())


def test_exceptions_as_values_are_their_messages(entries: Any) -> None:
    logs.get("x").warning("a", error=OSError(errno.ENOSPC, "No space left"), empty=KeyError())
    [line] = entries()
    assert line["error"] == "[Errno 28] No space left"
    assert line["empty"] == "KeyError"


def test_the_whole_chain_of_exceptions_is_written_once(entries: Any) -> None:
    def chain() -> None:
        try:
            try:
                raise KeyError("inner")
            except KeyError as error:
                raise LookupError("middle") from error
        except LookupError:
            raise ExceptionGroup("outer", [ValueError("one"), TypeError("two")])  # noqa: B904  # context is tested

    try:
        chain()
    except ExceptionGroup as error:
        error.add_note("a note")
        error.exceptions[0].__cause__ = error  # a circle must end
        logs.get("x").error("failed", exc_info=True)
    [line] = entries()
    trace = line["exception"].split("\n")
    told = [each.strip() for each in trace if "File" not in each and not each.startswith("    ")]
    assert told == [
        "KeyError: 'inner'",
        "That was the cause of:",
        "LookupError: middle",
        "While that was handled:",
        "ExceptionGroup: outer (2 sub-exceptions)",
        "Note: a note",
        "1 of 2:",
        "ValueError: one",
        "2 of 2:",
        "TypeError: two",
    ]


async def test_what_the_database_says_about_values_is_not_written(entries: Any, database_url: str) -> None:
    engine = create_async_engine("postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(database_url))
    raw = await asyncpg.connect(database_url)
    await raw.execute("create table person (phone text primary key check (phone <> ''), age int not null)")
    await raw.execute("insert into person values ($1, 1)", HIDDEN)
    insert = "insert into person values ('{}', {})"
    failing: list[Any] = [
        lambda: raw.execute("insert into person values ($1, 1)", HIDDEN),
        lambda: raw.execute(insert.format(HIDDEN, "null")),
        lambda: raw.execute("select $1::int", HIDDEN),
        lambda: raw.execute("select $1::text::int[]", HIDDEN),
        lambda: raw.execute("select $1::text::date", HIDDEN + "-"),
        lambda: raw.execute("select $1::text::int", HIDDEN),
        lambda: raw.copy_records_to_table("person", records=[(HIDDEN, 1)]),
    ]
    statement = sa.text("insert into person values (:phone, :age)")
    try:
        for values in ({"phone": HIDDEN, "age": 1}, {"phone": HIDDEN + "\n", "age": None}, {"phone": 5, "age": HIDDEN}):
            async with engine.connect() as connection:
                failing_here = connection.execute(statement, values)
                await logged(failing_here)
        for fail in failing:
            await logged(fail())
    finally:
        await raw.close()
        await engine.dispose()
    lines = entries()
    assert len(lines) == 2 * (3 + len(failing))
    assert HIDDEN not in json.dumps(lines)
    kept = json.dumps(lines)
    for useful in ("UniqueViolationError", "person_pkey", "null value in column", "invalid input", "[SQL: insert into"):
        assert useful in kept


async def logged(work: Any) -> None:
    """Log the failure as an exception, and as a value and text, as libraries do."""
    try:
        await work
    except (asyncpg.PostgresError, asyncpg.InterfaceError, sa.exc.DBAPIError) as error:
        logs.get("x").exception("failed")
        logs.get("x").warning("failed", error=error)
    else:
        pytest.fail("this should have failed")


def test_details_are_cut_out_of_the_lines_of_libraries_too(entries: Any) -> None:
    logging.getLogger("pool").error("x failed: duplicate key\nDETAIL:  Key (phone)=(%s)\nexists.\nHINT:  none", HIDDEN)
    assert [line["event"] for line in entries()] == ["x failed: duplicate key\\nHINT:  none"]


async def test_lines_of_a_run_are_kept_with_it(console: io.StringIO) -> None:
    kept: list[str] = []

    async def job() -> None:
        current.run_id.set(7)
        current.run_lines.set(kept)
        logs.get("isapi").info("read", rows=3)
        await asyncio.to_thread(logging.getLogger("library").warning, "in a thread")
        await asyncio.create_task(as_plugin("isapi", lambda: logs.get("isapi").info("in a task")))
        for number in range(logs.MAX_RUN_LINES):
            logs.get("isapi").info("many", number=number)

    logs.get("isapi").info("before")
    await asyncio.create_task(job())
    logs.get("isapi").info("after")
    assert [line.split(" ", 1)[1] for line in kept[:3]] == [
        "info    isapi: read rows=3",
        "warning library: in a thread",
        "info    isapi: in a task request=r-isapi",
    ]
    assert len(kept) == logs.MAX_RUN_LINES
    assert kept[-1] == "Further lines are in the log only."
    assert len(console.getvalue().splitlines()) == logs.MAX_RUN_LINES + 5


def test_warnings_are_log_lines(entries: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)
        logging.captureWarnings(True)
        warnings.warn("old way", DeprecationWarning, stacklevel=1)
    assert entries()[0]["logger"] == "py.warnings"
    assert "old way" in entries()[0]["event"]


def test_a_line_that_cannot_be_made_is_named_without_its_values(console: io.StringIO) -> None:
    class Broken:
        def __repr__(self) -> str:
            raise RuntimeError(HIDDEN)

    root = logging.getLogger()
    root.handlers[:] = [each for each in root.handlers if getattr(each, "stream", None) is console]  # not pytest's
    logs.get("x").info("a", value=Broken())
    logging.getLogger("y").info("%d", HIDDEN + "x")
    lost = console.getvalue().splitlines()
    assert [line.split(" at ")[0] for line in lost] == ["A line of x", "A line of y"]
    assert [line.split(": ")[1] for line in lost] == ["RuntimeError", "TypeError"]
    assert HIDDEN not in console.getvalue()


def test_threads_may_log(entries: Any) -> None:
    thread = threading.Thread(target=lambda: logs.get("x").info("from a thread"))
    thread.start()
    thread.join()
    assert entries()[0]["event"] == "from a thread"


def test_messages_are_cut(entries: Any) -> None:
    assert len(failures.message(ValueError("x" * 100_000))) < 3000
    logs.get("x").info("y" * 100_000, value="z" * 100_000)
    assert len(json.dumps(entries())) < 10_000


async def test_access_lines_are_written_at_512_and_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "log" / "access.log"
    log = access.AccessLog.to_file(path)
    for number in range(access.FLUSH_LINES - 1):
        log.add("GET", "/isapi/api/v1/employees/{id}", 200, number, 0.0015, "demo", f"r{number}")
    assert path.read_bytes() == b""
    log.add("GET", "/x", 404, 0, 0.25, 'evil "client"\n', "\u2028")
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert len(lines) == access.FLUSH_LINES
    assert lines[1].pop("timestamp").endswith("Z")
    assert lines[1] == {
        "method": "GET",
        "route": "/isapi/api/v1/employees/{id}",
        "status": 200,
        "bytes": 1,
        "ms": 1.5,
        "client": "demo",
        "request": "r1",
    }
    assert (lines[-1]["client"], lines[-1]["request"]) == ('evil "client"\n', "\u2028")
    log.add("GET", "/last", 200, 0, 0.1, "demo", "r")
    log.close()
    assert path.read_text().count("\n") == access.FLUSH_LINES + 1
    assert path.stat().st_mode & 0o007 == 0


async def test_access_lines_are_written_a_second_later(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(access, "FLUSH_SECONDS", 0.01)
    log = access.AccessLog.to_file(tmp_path / "access.log")
    for number in range(2):
        log.add("GET", "/x", 200, 0, 0.1, "demo", "r")
        for _ in range(2000):
            if (tmp_path / "access.log").read_text().count("\n") > number:
                break
            await asyncio.sleep(0.005)
        else:
            pytest.fail("the line was not written within 10 s")
    log.close()


async def test_access_lines_that_cannot_be_written_are_counted() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    log = access.AccessLog(os.fdopen(os.open("/dev/full", os.O_WRONLY), "wb", buffering=0))
    log.add("GET", "/x", 200, 0, 0.1, "demo", "r")
    log.flush()
    log.add("GET", "/x", 200, 0, 0.1, "demo", "r")
    log.close()
    assert log.lost == 2


async def test_access_lines_of_two_processes_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    both = [access.AccessLog.to_file(path) for _ in range(2)]
    for number in range(5000):
        both[number % 2].add("GET", "/isapi/api/v1/employees/{id}", 200, number, 0.1, "demo", f"r{number}")
    for log in both:
        log.close()
    assert sorted(json.loads(line)["bytes"] for line in path.read_text().splitlines()) == list(range(5000))


async def test_an_access_log_may_be_a_pipe(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    log = access.AccessLog(os.fdopen(writer, "wb", buffering=0))
    log.add("GET", "/x", 200, 0, 0.1, "demo", "r")
    log.close()
    with os.fdopen(reader) as file:
        assert json.loads(file.read())["route"] == "/x"
