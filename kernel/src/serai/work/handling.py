"""One call of a plugin's handler: in a context of its own, cut off in time, and judged by how it ends."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

import attrs

from serai.errors import describe
from serai.telemetry import current, failures


@attrs.frozen
class Outcome:
    """How a call ended: `succeeded`, `failed`, `timeout`, `cancelled` or `lost`; a sentence, and a trace."""

    state: str
    error: str | None = None
    trace: str | None = None


class Handling:
    """A call that can be interrupted. `number` is what log lines name it by, in the variable `kind`."""

    def __init__(self, plugin: str, name: str, kind: ContextVar[int | None], number: int, timeout: float) -> None:
        self._plugin = plugin
        self._name = name
        self._kind = kind
        self._number = number
        self._timeout = timeout
        self._lines: list[str] = []
        self._handler: asyncio.Task[None] | None = None
        self._verdict: Outcome | None = None
        self._abandoned = asyncio.Event()

    def interrupt(self, verdict: Outcome) -> None:
        """Cancel the handler; `verdict` is what becomes of the call, unless it has ended already."""
        if self._verdict is None and (self._handler is None or self._handler.cancel()):
            self._verdict = verdict

    def abandon(self) -> None:
        """Wait no longer for a handler that goes on though it was cancelled."""
        self._abandoned.set()

    async def call(self, handler: Callable[[Any, Any], Awaitable[None]], ctx: Any) -> Outcome:
        """Call `handler(ctx, self)` and see how it ends."""
        if self._verdict:  # cut off before it began
            return self._verdict
        context = contextvars.Context()  # empty: nothing of whoever woke us is to be seen in the handler
        context.run(current.plugin.set, self._plugin)
        context.run(self._kind.set, self._number)
        context.run(current.run_lines.set, self._lines)
        called = asyncio.get_running_loop().create_task(
            _isolated(handler, ctx, self), name=f"{self._plugin}.{self._name} {self._number}", context=context
        )
        self._handler = called
        abandoned = asyncio.create_task(self._abandoned.wait())
        ends = {called, abandoned}
        try:
            await asyncio.wait(ends, timeout=self._timeout, return_when=asyncio.FIRST_COMPLETED)
            self.interrupt(Outcome("timeout", f"It did not end within its time limit of {self._timeout:g} s."))
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            abandoned.cancel()
        return self._judge(called)

    def _judge(self, called: asyncio.Task[None]) -> Outcome:
        verdict = self._verdict
        if not called.done():
            assert verdict
            return attrs.evolve(verdict, error=f"{verdict.error} The handler ignores that and may go on.")
        error = None if called.cancelled() else called.exception()
        if verdict:
            return attrs.evolve(verdict, trace=failures.trace(error) if error else None)
        if called.cancelled():
            return Outcome("failed", "The handler ended itself as if it had been cancelled.")
        return Outcome("failed", describe(error), failures.trace(error)) if error else Outcome("succeeded")


async def _isolated(handler: Callable[[Any, Any], Awaitable[None]], ctx: Any, run: Handling) -> None:
    try:
        await handler(ctx, run)
    except SystemExit as error:  # it would end the whole process
        raise RuntimeError("the handler called sys.exit()") from error


def storable(text: str | None) -> str | None:
    """The text as PostgreSQL takes it: without U+0000."""
    return text and text.replace("\0", "\N{REPLACEMENT CHARACTER}")
