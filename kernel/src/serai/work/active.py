"""One run of a job while it goes on: what its handler sees, and what is kept of it."""

from __future__ import annotations

from typing import Any

from serai.declarations import Job
from serai.telemetry import current
from serai.work.handling import Handling, Outcome
from serai.work.runs import Claim, Report


class ActiveRun(Handling):
    """A run of `job` in this process; the handler gets it as its `serai.Run`."""

    def __init__(self, claim: Claim, plugin: str, job: Job, held_until: float) -> None:
        super().__init__(plugin, job.name, current.run_id, claim.id, job.timeout)
        self.id = claim.id
        self.tick = claim.tick
        self.cause = claim.cause
        self.requested_by = claim.requested_by
        self.held_until = held_until
        """The loop time at which its lease ends."""
        self.news = False
        """Whether there is progress that the database does not know of."""
        self._job = job
        self._note: str | None = None
        self._done: int | None = None
        self._total: int | None = None

    def progress(self, note: str, *, done: int | None = None, total: int | None = None) -> None:
        """Keep how far it is, to be written within a second."""
        self._note, self._done, self._total = note, done, total
        self.news = True

    def report(self) -> Report:
        """What the run has said so far."""
        self.news = False
        return Report(id=self.id, note=self._note, done=self._done, total=self._total, lines=self._lines)

    async def work(self, ctx: Any) -> Outcome:
        """Run the handler and see how it ends."""
        return await self.call(self._job.handler, ctx)
