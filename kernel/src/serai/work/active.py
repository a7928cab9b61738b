"""One run while it goes on: what its handler sees, how it is cut off, and what becomes of it."""

from __future__ import annotations

import asyncio
import contextvars
from typing import Any

import attrs

from serai.declarations import Job
from serai.errors import describe
from serai.telemetry import current, failures
from serai.work.runs import Claim, Outcome, Report


class ActiveRun:
    """A run of `job` in this process; the handler gets it as its `serai.Run`."""

    def __init__(self, claim: Claim, plugin: str, job: Job, held_until: float) -> None:
        self.id = claim.id
        self.tick = claim.tick
        self.cause = claim.cause
        self.requested_by = claim.requested_by
        self.held_until = held_until
        """The loop time at which its lease ends."""
        self.news = False
        """Whether there is progress that the database does not know of."""
        self._plugin = plugin
        self._job = job
        self._note: str | None = None
        self._done: int | None = None
        self._total: int | None = None
        self._lines: list[str] = []
        self._handler: asyncio.Task[None] | None = None
        self._verdict: Outcome | None = None
        self._abandoned = asyncio.Event()

    def progress(self, note: str, *, done: int | None = None, total: int | None = None) -> None:
        """Keep how far it is, to be written within a second."""
        self._note, self._done, self._total = note, done, total
        self.news = True

    def report(self) -> Report:
        """What the run has said so far."""
        self.news = False
        return Report(id=self.id, note=self._note, done=self._done, total=self._total, lines=self._lines)

    def interrupt(self, verdict: Outcome) -> None:
        """Cancel the handler; `verdict` is what becomes of the run, unless it has ended already."""
        if self._verdict is None and (self._handler is None or self._handler.cancel()):
            self._verdict = verdict

    def abandon(self) -> None:
        """Wait no longer for a handler that goes on though it was cancelled."""
        self._abandoned.set()

    async def work(self, ctx: Any) -> Outcome:
        """Run the handler and see how it ends."""
        if self._verdict:  # cut off before it began
            return self._verdict
        context = contextvars.Context()  # empty: nothing of whoever woke the scheduler is to be seen in the run
        context.run(current.plugin.set, self._plugin)
        context.run(current.run_id.set, self.id)
        context.run(current.run_lines.set, self._lines)
        handler = asyncio.get_running_loop().create_task(
            _isolated(self._job, ctx, self), name=f"job {self._plugin}.{self._job.name} run {self.id}", context=context
        )
        self._handler = handler
        abandoned = asyncio.create_task(self._abandoned.wait())
        ends = {handler, abandoned}
        try:
            await asyncio.wait(ends, timeout=self._job.timeout, return_when=asyncio.FIRST_COMPLETED)
            self.interrupt(Outcome("timeout", f"It did not end within its time limit of {self._job.timeout:g} s."))
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            abandoned.cancel()
        return self._judge(handler)

    def _judge(self, handler: asyncio.Task[None]) -> Outcome:
        verdict = self._verdict
        if not handler.done():
            assert verdict
            return attrs.evolve(verdict, error=f"{verdict.error} The handler ignores that and may go on.")
        error = None if handler.cancelled() else handler.exception()
        if verdict:
            return attrs.evolve(verdict, trace=failures.trace(error) if error else None)
        if handler.cancelled():
            return Outcome("failed", "The handler ended itself as if it had been cancelled.")
        return Outcome("failed", describe(error), failures.trace(error)) if error else Outcome("succeeded")


async def _isolated(job: Job, ctx: Any, run: ActiveRun) -> None:
    try:
        await job.handler(ctx, run)
    except SystemExit as error:  # it would end the whole process
        raise RuntimeError("the handler called sys.exit()") from error
