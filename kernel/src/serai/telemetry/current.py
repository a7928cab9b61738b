"""What this task is doing: set by the kernel around requests, runs and plugins, and read by every log line."""

from __future__ import annotations

from contextvars import ContextVar

plugin: ContextVar[str | None] = ContextVar("plugin", default=None)
"""Name of the plugin on whose behalf this task works."""
request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
run_id: ContextVar[int | None] = ContextVar("run_id", default=None)
"""The run of a job."""
task_id: ContextVar[int | None] = ContextVar("task_id", default=None)
"""The task of the queue."""
run_lines: ContextVar[list[str] | None] = ContextVar("run_lines", default=None)
"""Where the log lines of the run or task are kept besides: a list, to which `logs` appends `logs.MAX_RUN_LINES`."""
