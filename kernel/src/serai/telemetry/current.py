"""To what the present task belongs: set by the kernel, read by logs."""

from __future__ import annotations

from contextvars import ContextVar

plugin: ContextVar[str | None] = ContextVar("plugin", default=None)
request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
