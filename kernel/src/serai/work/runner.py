"""Runs the jobs of this process's plugins: one heartbeat wakes it, the database decides who runs what."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta

import aiocron

from serai.context import Context, Database
from serai.declarations import Job, Log
from serai.errors import PluginError, describe
from serai.work import catalogue
from serai.work.active import ActiveRun
from serai.work.agenda import Agenda, Due, Entry
from serai.work.handling import Outcome
from serai.work.runs import Claim, Refusal, Runs
from serai.work.schedule import schedule_of

RETRY = timedelta(seconds=5)
"""After this a job is looked at again that another run, or the database, kept from running."""
LET_GO = 5.0
"""Seconds that a cancelled handler has to end when its plugin stops."""
RECORD = 5.0
"""Seconds in which the ends of runs are to be recorded when their plugin stops."""
RECORD_FOR = 600.0
"""Seconds for which the end of a run is tried to be recorded while the database is away."""

STOPPED = Outcome("cancelled", "The plugin was stopped before the run ended.")
LOST = Outcome("lost", "The run was cut off: its process could not reach the database to keep its lease.")


class JobRunner:
    """The jobs of one process.

    `database` is the kernel's own (schema `serai`), `process_id` names this start of this process and no other, `clock`
    is the wall clock in UTC. `lease` is how many seconds a run outlives its process's last sign of life.
    """

    def __init__(
        self, database: Database, process_id: str, clock: Callable[[], datetime], log: Log, *, lease: float = 30.0
    ) -> None:
        self._database = database
        self._runs = Runs(database, process_id, timedelta(seconds=lease))
        self._clock = clock
        self._log = log
        self._lease = lease
        self._agenda = Agenda()
        self._active: dict[int, ActiveRun] = {}
        self._seen = clock()
        self._heartbeat: aiocron.Cron | None = None
        self._round: asyncio.Task[None] | None = None
        self._next_round = 0.0
        self._away = False

    async def start(self) -> None:
        """Begin to wake."""
        loop = asyncio.get_running_loop()
        self._database.listen("jobs", self._requested)
        self._heartbeat = aiocron.Cron("* * * * * *", self.wake, start=False, loop=loop, tz=UTC)
        self._heartbeat.start()

    async def stop(self, grace: float) -> None:
        """Let the runs end within `grace` seconds, cancel and record the others, and wake no more."""
        await asyncio.gather(*(self.remove(plugin, grace) for plugin in self._agenda.plugins))
        if self._heartbeat:
            self._heartbeat.stop()
            self._heartbeat = None
        if self._round:
            await asyncio.wait({self._round})

    async def add(self, plugin: str, version: str, jobs: Sequence[Job], ctx: Context, settings: object) -> None:
        """Record the plugin's jobs and run them from now on.

        Raises `PluginError` where a schedule is wrong, and whatever the database raises.
        """
        planned = {job.name: (job, schedule_of(plugin, job, settings)) for job in jobs}
        if len(planned) < len(jobs):
            raise PluginError(f"Two jobs of plugin {plugin} have the same name", hint="a job is named as its handler")
        now = self._clock()
        reached = await catalogue.declare(self._database, plugin, version, planned, now)
        for name, (job, schedule) in planned.items():
            self._agenda.add(
                Entry(
                    plugin=plugin,
                    version=version,
                    job=job,
                    schedule=schedule,
                    ctx=ctx,
                    reached=min(reached[name], now),
                )
            )
        self._next_round = 0.0

    async def remove(self, plugin: str, grace: float) -> None:
        """Start no run of the plugin any more; let those that go on end within `grace` seconds, else cancel them."""
        entries = self._agenda.remove(plugin)
        late = await _wait({entry.task for entry in entries if entry.task}, grace)
        for entry in entries:
            entry.closed = True
            if entry.run:
                entry.run.interrupt(STOPPED)
        late = await _wait(late, LET_GO)
        for entry in entries:
            if entry.run:
                entry.run.abandon()
        late = await _wait(late, RECORD)
        for task in late:  # the database is away: the runs become lost when it is back
            task.cancel()
        await _wait(late, None)

    def wake(self) -> None:
        """Start what is due. Called by the heartbeat every second; never raises."""
        try:
            now = self._clock()
            if now < self._seen:
                self._agenda.rewind(now)
            self._seen = now
            for entry in self._agenda.pop(now):
                self._look(entry, now)
            self._keep_leases()
        except Exception:  # noqa: BLE001  # whatever is wrong with one job, the others are to run in the next second
            self._log.exception("the scheduler stumbled")

    def _look(self, entry: Entry, now: datetime) -> None:
        due = entry.due(now)
        if due is None:
            self._agenda.plan(entry)
        else:
            self._occupy(entry, self._run_tick(entry, due))

    def _occupy(self, entry: Entry, work: Awaitable[bool]) -> None:
        """Let `work` have the entry's only task; it says whether the tick is to be tried again soon."""

        async def run() -> None:
            again = True
            try:
                again = await work
            except Exception as error:  # noqa: BLE001  # mostly the database is away
                self._log.warning("a job could not be run", plugin=entry.plugin, job=entry.name, error=describe(error))
            finally:
                entry.task = None
                if entry.asked:
                    entry.asked, self._next_round = False, 0.0
                if self._agenda.get(entry.plugin, entry.name) is entry:
                    self._agenda.plan(entry, not_before=self._clock() + RETRY if again else None)

        entry.look_at = None
        entry.task = asyncio.create_task(run(), name=f"job {entry.plugin}.{entry.name}")

    async def _run_tick(self, entry: Entry, due: Due) -> bool:
        began = asyncio.get_running_loop().time()
        claim = await self._runs.claim_tick(entry.plugin, entry.name, entry.version, due.tick, due.cause)
        if claim is Refusal.BUSY:
            return True
        entry.reached = min(max(entry.reached, due.tick), self._clock())  # the clock may have been set back meanwhile
        if isinstance(claim, Claim):
            await self._perform(entry, claim, began)
        return False

    async def _run_waiting(self, entry: Entry) -> bool:
        began = asyncio.get_running_loop().time()
        claim = await self._runs.claim_waiting(entry.plugin, entry.name, entry.version)
        if claim:
            await self._perform(entry, claim, began)
        return False

    async def _perform(self, entry: Entry, claim: Claim, began: float) -> None:
        run = ActiveRun(claim, entry.plugin, entry.job, began + self._lease)
        if entry.closed:
            run.interrupt(STOPPED)
        entry.run = self._active[run.id] = run
        try:
            outcome = await run.work(entry.ctx)
            await self._record(entry, run, outcome)
        finally:
            entry.run = None
            del self._active[run.id]

    async def _record(self, entry: Entry, run: ActiveRun, outcome: Outcome) -> None:
        loop = asyncio.get_running_loop()
        said = {"plugin": entry.plugin, "job": entry.name, "run_id": run.id}
        pause, until = 0.1, loop.time() + RECORD_FOR
        while True:
            try:
                recorded = await self._runs.finish(run.report(), outcome)
                break
            except Exception as error:  # mostly the database is away
                if loop.time() > until:
                    raise
                self._log.warning("the end of a run could not be recorded yet", **said, error=describe(error))
                await asyncio.sleep(pause)
                pause = min(2 * pause, RETRY.total_seconds())
        if not recorded:
            self._log.warning("a run ended after it was given up as lost", **said, state=outcome.state)
        elif outcome.error:
            self._log.warning("a run did not succeed", **said, state=outcome.state, error=outcome.error)

    def _requested(self, _payload: str | None) -> None:
        if self._heartbeat:
            self._next_round = 0.0
            self._keep_leases()

    def _keep_leases(self) -> None:
        """Start a round if it is time for one and none goes on."""
        now = asyncio.get_running_loop().time()
        if self._away:
            self._interrupt_expired(now)
        if self._round is None and (now >= self._next_round or any(run.news for run in self._active.values())):
            self._next_round = now + self._lease / 3
            self._round = asyncio.create_task(self._look_around(), name="jobs: leases and requests")

    async def _look_around(self) -> None:
        """Renew the leases of the runs here, give up those of dead processes, run what people ask for."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(self._lease / 3):
                await self._renew(began)
                for run_id in await self._runs.expire():
                    self._log.warning("a run was lost", run_id=run_id)
                for plugin, name in await self._runs.waiting(self._agenda.plugins):
                    entry = self._agenda.get(plugin, name)
                    if entry and entry.task:
                        entry.asked = True
                    elif entry:
                        self._occupy(entry, self._run_waiting(entry))
            self._away = False
        except Exception as error:  # noqa: BLE001  # mostly the database is away
            if not self._away:
                self._log.warning("jobs cannot reach the database", error=describe(error))
            self._away = True
            self._next_round = loop.time() + min(self._lease / 6, RETRY.total_seconds())
        finally:
            self._round = None

    async def _renew(self, now: float) -> None:
        runs = list(self._active.values())
        kept = await self._runs.renew([run.report() for run in runs])
        for run in runs:
            if run.id in kept:
                run.held_until = now + self._lease
            else:  # given up as lost by another process; or its end has just been recorded, then this does nothing
                run.interrupt(LOST)

    def _interrupt_expired(self, now: float) -> None:
        for run in self._active.values():
            if now > run.held_until:
                run.interrupt(LOST)


async def _wait(tasks: set[asyncio.Task[None]], timeout: float | None) -> set[asyncio.Task[None]]:
    """Wait for the tasks; those that have not ended in time."""
    if not tasks:
        return tasks
    _, late = await asyncio.wait(tasks, timeout=timeout)
    return late
