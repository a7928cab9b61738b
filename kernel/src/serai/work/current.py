"""The run that goes on, by contextvars, so that log lines find it."""

from __future__ import annotations

from contextvars import ContextVar

plugin: ContextVar[str | None] = ContextVar("plugin", default=None)
run_id: ContextVar[int | None] = ContextVar("run_id", default=None)
run_lines: ContextVar[list[str] | None] = ContextVar("run_lines", default=None)
