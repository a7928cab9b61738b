"""Logs of Serai and of every library: one line each, with the plugin, request, run or task that it belongs to."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from math import isfinite
from typing import Any, Literal, TextIO

import structlog
from structlog.stdlib import BoundLogger, ProcessorFormatter
from structlog.typing import EventDict

from serai.telemetry import current, failures

MAX_RUN_LINES = 1000
"""Lines that are kept of one run of a job, or one attempt at a task."""

_LONGEST = 4000
"""Characters of one value."""
_DEEPEST = 4
"""Levels of nested values."""
_QUIET = ("alembic", "asyncio")
"""Libraries whose lines below warnings help nobody."""

_SILENT = ("pgqueuer",)
"""Libraries that log what the kernel tells itself, and with texts of errors that may hold personal data."""

_PROCESSORS = (structlog.stdlib.filter_by_level, ProcessorFormatter.wrap_for_formatter)
"""What happens where a line is written; the rest happens once, for the lines of all libraries, in the handler."""


def configure(log_format: Literal["console", "json"], level: str, stream: TextIO | None = None) -> None:
    """Send everything that is logged, at `level` and above, to `stream` (standard error where None).

    `level` is a name as in the settings: debug, info, warning, error. Called again, it replaces what it did before.
    """
    render = _json if log_format == "json" else _console
    handler = _Handler(stream or sys.stderr)
    handler.setFormatter(ProcessorFormatter(processors=[_entry, _keep_for_run, render]))
    root = logging.getLogger()
    for before in [each for each in root.handlers if isinstance(each, _Handler)]:
        root.removeHandler(before)
    root.addHandler(handler)
    root.setLevel(level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    for name in _SILENT:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    logging.captureWarnings(True)
    structlog.configure(
        processors=[*_PROCESSORS], wrapper_class=BoundLogger, logger_factory=structlog.stdlib.LoggerFactory()
    )


def get(name: str) -> BoundLogger:
    """The log of that name: a module of the kernel, a plugin or a device."""
    log: BoundLogger = structlog.wrap_logger(
        logging.getLogger(name), processors=_PROCESSORS, wrapper_class=BoundLogger, cache_logger_on_first_use=True
    )
    return log


def flush() -> None:
    """Write out what is still buffered."""
    for handler in logging.getLogger().handlers:
        handler.flush()


def one_line(text: str) -> str:
    """The text with every character escaped that could end a line, move a cursor or turn the direction of writing."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


class _Handler(logging.StreamHandler[TextIO]):
    """A handler that says in one line when it cannot write a record: no values, no trace."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # the name is logging's
        error = sys.exc_info()[0]
        place = one_line(f"{record.name} at {record.filename}:{record.lineno}")
        try:
            self.stream.write(f"A line of {place} was lost: {error.__name__ if error else 'unknown error'}\n")
        except (OSError, ValueError):
            return  # there is nowhere left to say it


def _entry(_: Any, __: str, event: EventDict) -> EventDict:
    """What is known about a line, in the order in which it is shown; only plain values, safe to show."""
    record: logging.LogRecord = event.pop("_record")
    event.pop("_from_structlog")
    error = _exception(event.pop("exc_info", None))
    entry: EventDict = {
        "timestamp": datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "level": record.levelname.lower(),
        "logger": record.name,
        "plugin": current.plugin.get(),
        "event": _plain(event.pop("event", "")),
        "request": current.request_id.get(),
        "run": current.run_id.get(),
        "task": current.task_id.get(),
    }
    entry = {key: value for key, value in entry.items() if value is not None}
    values = {one_line(str(key)): _plain(value) for key, value in event.items()}
    entry |= {key: value for key, value in values.items() if key not in entry}
    if error is not None:
        entry["exception"] = "\n".join(one_line(line) for line in failures.trace(error).split("\n"))
    return entry


def _exception(info: Any) -> BaseException | None:
    if isinstance(info, BaseException):
        return info
    if isinstance(info, tuple):
        return _exception(info[1])
    return sys.exc_info()[1] if info else None


def _plain(value: Any, depth: int = 0) -> Any:
    """The value as JSON has it; what JSON has not by its repr, exceptions without what they tell of the database."""
    if value is None or isinstance(value, (bool, int)) or (isinstance(value, float) and isfinite(value)):
        return value
    if depth < _DEEPEST and isinstance(value, Mapping):
        return {one_line(str(key)): _plain(item, depth + 1) for key, item in value.items()}
    if depth < _DEEPEST and isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item, depth + 1) for item in value]
    if isinstance(value, BaseException):
        value = failures.message(value) or type(value).__name__
    text = failures.without_values(value if isinstance(value, str) else repr(value))
    return one_line(text[:_LONGEST] + "..." * (len(text) > _LONGEST))


def _keep_for_run(_: Any, __: str, entry: EventDict) -> EventDict:
    """Append the line to those of the run that this task belongs to, if any."""
    lines = current.run_lines.get()
    if lines is not None and len(lines) < MAX_RUN_LINES:
        last = len(lines) == MAX_RUN_LINES - 1
        lines.append("Further lines are in the log only." if last else _line(entry, without=("plugin", "run", "task")))
    return entry


def _json(_: Any, __: str, entry: EventDict) -> str:
    return json.dumps(entry, ensure_ascii=False)


def _console(_: Any, __: str, entry: EventDict) -> str:
    trace = entry.get("exception", "")
    return "\n    ".join([_line(entry), *(trace.split("\n") if trace else ())])


def _line(entry: EventDict, without: tuple[str, ...] = ()) -> str:
    """One line for people, as `2026-11-23T08:00:00.000000Z info    serai.app: ready port=8080`."""
    head = f"{entry['timestamp']} {entry['level']:<7} {entry['logger']}: {entry['event']}"
    hidden = {"timestamp", "level", "logger", "event", "exception", *without}
    return " ".join([head, *(f"{key}={_shown(value)}" for key, value in entry.items() if key not in hidden)])


def _shown(value: Any) -> str:
    """A value as it stands, in quotes where its end would not be seen."""
    if isinstance(value, str) and value and not set(value) & set(' "='):
        return value
    return json.dumps(value, ensure_ascii=False)
