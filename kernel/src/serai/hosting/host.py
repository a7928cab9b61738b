"""Converges the plugins of one process to what is wanted: the deployment's file, less the operators' overrides."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from datetime import UTC, datetime
from typing import Any, Literal

import attrs

from serai.config.deployment import Deployment
from serai.context import Database, DeviceState
from serai.errors import describe
from serai.hosting.backoff import Backoff
from serai.hosting.entry_points import PLUGINS, installed
from serai.hosting.guest import Guest, Services, stand_in_of
from serai.hosting.loading import Loaded, Loader
from serai.hosting.order import missing_requirement, start_order
from serai.hosting.overrides import CHANNEL, Override, read_overrides
from serai.hosting.permissions import KERNEL_PERMISSIONS
from serai.hosting.reports import HEARTBEAT, PluginReport, Reporter
from serai.hosting.states import Blocked, Code, State, Status, Trouble
from serai.telemetry import logs

log = logs.get(__name__)


class Host:
    """All enabled plugins of this process.

    One task looks at what is wanted and what is, and begins the starts and stops that bring them together; each start
    or stop is a task of its own, so that a slow plugin never holds up another.
    """

    def __init__(
        self,
        deployment: Deployment,
        services: Services,
        database: Database,
        reporter: Reporter,
        *,
        suspects: Mapping[str, int],
        notice: Callable[[Literal["starting", "settled"], str], None],
    ) -> None:
        """`suspects`: during whose start so many processes have died; `notice` tells of starts, to find more."""
        self._deployment = deployment
        self._services = services
        self._database = database
        self._reporter = reporter
        self._loader = Loader(deployment, installed(PLUGINS), services.start_timeout)
        self._suspects = dict(suspects)
        self._notice = notice
        # Where processes have died, plugins start one by one: the next to die is then the only suspect.
        self._turn: AbstractAsyncContextManager[None] = asyncio.Lock() if suspects else nullcontext()
        self._changes = asyncio.Event()
        self._names = sorted(deployment.kernel.plugins)
        self._guests: dict[str, Guest] = {}
        self._unloaded: dict[str, Unloaded] = {}
        self._overrides: dict[str, Override] = {}
        self._actions: dict[str, asyncio.Task[None]] = {}
        self._startups: set[asyncio.Task[None]] = set()
        """Those of the actions that load or start."""
        self._nothing_to_do = False
        self._wake = asyncio.Event()
        self._read_again = True
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    # -- from outside ------------------------------------------------------------------------------------------

    async def announce(self) -> None:
        """Make this process known to the others."""
        await self._reporter.open()

    async def open(self) -> None:
        """Begin to load every enabled plugin and to start what is wanted; `settled` tells when that is done."""
        self._overrides = await read_overrides(self._database)
        self._database.listen(CHANNEL, lambda payload: self._note_overrides())
        self._services.devices.subscribe(self._note_device)
        self._services.remotes.subscribe(self._note_remote)
        for name in self._names:
            self._unloaded[name] = Unloaded(restart=self._asked_restarts(name))
            self._show_unloaded(name, self._unloaded[name].status)
            self._begin_startup(name, self._load(name))
        self._task = asyncio.create_task(self._converge_forever(), name="host")

    async def close(self) -> None:
        """Stop all plugins, dependants first, and take this process out of the reports."""
        self._closing = True
        for task in self._startups:
            task.cancel()  # nobody waits for a plugin that would only be stopped again
        self._wake.set()
        if self._task is not None:
            await self._task
        try:
            await self._reporter.close()
        except Exception as error:  # noqa: BLE001  mostly the database is away; others see that this process is gone
            log.warning("this process could not be taken out of the reports", error=describe(error))

    async def changed(self) -> None:
        """Wait until something of a plugin's state changed."""
        self._changes.clear()
        await self._changes.wait()

    @property
    def reports(self) -> list[PluginReport]:
        """How every enabled plugin is in this process, by name."""
        return [self._report(name) for name in self._names]

    @property
    def settled(self) -> bool:
        """Whether every enabled plugin is where it will stay until something changes."""
        known = self._nothing_to_do and self._services.remotes.asked
        return known and all(report.status.state.settled for report in self.reports)

    @property
    def fatal(self) -> list[PluginReport]:
        """Plugins with `on_failure="fail"` that do not serve: this process is not ready."""
        return [
            self._report(name)
            for name, guest in self._guests.items()
            if guest.declared.info.on_failure == "fail" and not guest.status.state.serves
        ]

    def permissions(self) -> Mapping[str, str]:
        """Every permission of the kernel and of the plugins that load, with what it allows."""
        known = KERNEL_PERMISSIONS | self._services.remotes.permissions
        for guest in self._guests.values():
            known |= guest.declared.info.permissions
        return known

    # -- what changed ------------------------------------------------------------------------------------------

    def _note_overrides(self) -> None:
        self._read_again = True
        self._wake.set()

    def _note_device(self, device: DeviceState) -> None:
        for guest in self._guests.values():
            if guest.uses(device.name):
                guest.look_again()

    def _note_remote(self, name: str) -> None:
        for guest in self._guests.values():
            if any(requirement.name == name for requirement in guest.declared.requires):
                guest.look_again()
        self._nothing_to_do = False  # what follows is found by the next look
        self._wake.set()

    # -- converging --------------------------------------------------------------------------------------------

    async def _converge_forever(self) -> None:
        while not (self._closing and not self._actions and not self._serving()):
            self._wake.clear()
            looked = time.monotonic()
            await self._read_wishes()
            self._converge()
            self._nothing_to_do = not self._actions
            self._changes.set()
            await self._tell()
            try:
                async with asyncio.timeout(self._pause(looked)):
                    await self._wake.wait()
            except TimeoutError:
                self._read_again = True  # a notification may have been missed

    async def _read_wishes(self) -> None:
        """Read the overrides if they may have changed; while that cannot be, the last known ones hold."""
        if not self._read_again or self._closing:
            return
        try:
            self._overrides = await read_overrides(self._database)
            self._read_again = False
        except Exception as error:  # noqa: BLE001  mostly the database is away
            log.warning("what operators want cannot be read; it stays as it was", error=describe(error))

    async def _tell(self) -> None:
        try:
            await self._reporter.report(self.reports)
        except Exception as error:  # noqa: BLE001  mostly the database is away
            log.warning("the plugins' states cannot be written", error=describe(error))

    def _pause(self, looked: float) -> float:
        """Seconds until there may be something to do without being told, other than what was due when we looked."""
        backoffs = [guest.backoff for guest in self._guests.values()]
        backoffs += [unloaded.backoff for unloaded in self._unloaded.values()]
        now = time.monotonic()
        coming = (backoff.retry_at for backoff in backoffs if backoff.retry_at is not None)
        return max(0.0, min((HEARTBEAT, *(retry_at - now for retry_at in coming if retry_at > looked))))

    def _converge(self) -> None:
        for name, unloaded in list(self._unloaded.items()):
            if name not in self._actions and not self._closing and self._may_load(name, unloaded):
                self._begin_startup(name, self._load(name))
        order, never = start_order({name: guest.declared for name, guest in self._guests.items()})
        for name, blocked in never.items():
            self._refuse(self._guests[name], blocked)
        leaving: dict[str, Status | Trouble] = {}
        for name in order:
            reason = self._why_not(self._guests[name], leaving)
            if reason is not None:
                leaving[name] = reason
        for name in reversed(order):
            guest = self._guests[name]
            if name in leaving and name not in self._actions:
                self._let_go(guest, leaving[name])
        for name in order:
            guest = self._guests[name]
            if name not in leaving and name not in self._actions and self._may_start(guest):
                self._begin_startup(name, self._start(guest))

    def _why_not(self, guest: Guest, leaving: dict[str, Status | Trouble]) -> Status | Trouble | None:
        """Why the plugin shall not serve now; None where it shall."""
        now = datetime.now(UTC)
        if self._closing:
            return Status(state=State.STOPPED, since=now, reason="the process ends")
        if guest.failing is not None and guest.status.state.serves:
            return guest.failing
        override = self._overrides.get(guest.name)
        if override is not None and override.stopped:
            return Status(
                state=State.STOPPED,
                since=now,
                code=Code.STOPPED_BY_OPERATOR,
                reason=f"stopped by {override.who}" + (f": {override.why}" if override.why else ""),
                hint=f"`serai start {guest.name}` starts it again.",
            )
        if override is not None and override.restart > guest.restart and guest.status.state.serves:
            return Status(state=State.STOPPED, since=now, reason=f"restarted by {override.who}")
        return self._unmet(guest, leaving)

    def _unmet(self, guest: Guest, leaving: dict[str, Status | Trouble]) -> Blocked | None:
        """The first requirement that is not served, as the reason for which this plugin waits."""
        versions = {name: self._loader.version(name) for name in self._names}
        missing = missing_requirement(guest.declared, versions, self._deployment.services)
        if missing is not None:
            return missing
        for requirement in guest.declared.requires:
            remote = self._services.remotes.find(requirement.name)
            if remote is not None:
                unmet = remote.unmet(requirement, guest.declared, serving=guest.status.state.serves)
                if unmet is not None:
                    return unmet
                continue
            state = self._report(requirement.name).status.state
            if requirement.name in leaving or not state.serves:
                return Blocked(
                    Code.MISSING_REQUIREMENT,
                    f"{guest.name} requires {requirement.name}, which is {state}",
                    hint=f"It starts by itself when {requirement.name} serves again.",
                )
        return None

    def _let_go(self, guest: Guest, reason: Status | Trouble) -> None:
        """Stop a serving plugin once nobody who requires it serves; give an idle one its reason."""
        state = guest.status.state
        if not state.serves:
            self._refuse(guest, reason)
        elif not any(
            other.status.state.serves or other.name in self._actions
            for other in self._guests.values()
            if any(requirement.name == guest.name for requirement in other.declared.requires)
        ):
            self._begin(guest.name, guest.stop(reason))

    def _refuse(self, guest: Guest, reason: Status | Trouble) -> None:
        if isinstance(reason, Trouble):
            guest.become(State.BLOCKED, reason.code, reason.sentence, reason.hint)
        elif not self._closing:
            guest.become(reason.state, reason.code, reason.reason, reason.hint)

    def _may_start(self, guest: Guest) -> bool:
        status = guest.status
        if status.state.serves or not status.state.settled:
            return False
        before = (self._report(name).status.state for name in guest.declared.info.after if name in self._names)
        if not all(state.settled for state in before):
            return False
        if self._asked_restarts(guest.name) > guest.restart:
            return True
        if status.state is State.FAILED:
            return guest.backoff.due
        return status.state is State.STOPPED or status.code is Code.MISSING_REQUIREMENT

    # -- actions -----------------------------------------------------------------------------------------------

    def _begin_startup(self, name: str, action: Coroutine[Any, Any, None]) -> None:
        task = self._begin(name, action)
        self._startups.add(task)
        task.add_done_callback(self._startups.discard)

    def _begin(self, name: str, action: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(action, name=f"host:{name}")
        self._actions[name] = task

        def done(task: asyncio.Task[None]) -> None:
            del self._actions[name]
            self._nothing_to_do = False  # what follows from its end is found by the next look
            self._wake.set()
            if not task.cancelled() and (error := task.exception()) is not None:
                log.error("the kernel failed to handle a plugin", name=name, exc_info=error)

        task.add_done_callback(done)
        return task

    async def _start(self, guest: Guest) -> None:
        guest.restart = self._asked_restarts(guest.name)
        async with self._starting(guest.name):
            await guest.start()

    @asynccontextmanager
    async def _starting(self, name: str) -> AsyncIterator[None]:
        """Around what a plugin does first: if the process dies in it, the plugin is suspected."""
        async with self._turn:
            self._notice("starting", name)
            try:
                yield
            finally:
                self._notice("settled", name)

    async def _load(self, name: str) -> None:
        """Import a plugin and make it a guest."""
        unloaded = self._unloaded[name]
        if self._suspects.get(name, 0) >= CRASHES and self._asked_restarts(name) <= unloaded.restart:
            self._show_unloaded(name, Status.of(_crash_loop(name, self._suspects[name])))
            return
        unloaded.restart = self._asked_restarts(name)
        unloaded.backoff.trying()
        self._show_unloaded(name, Status(state=State.STARTING, since=datetime.now(UTC), reason="importing"))
        try:
            async with self._starting(name):
                loaded = await self._loaded(name)
        except Trouble as trouble:
            if not trouble.blocked:
                unloaded.backoff.failed()
            log.error(trouble.sentence, code=str(trouble.code), hint=trouble.hint, exc_info=trouble.__cause__)
            self._show_unloaded(name, Status.of(trouble))
            return
        guest = Guest(loaded.declared, loaded.settings, self._services, self._wake.set)
        guest.restart = unloaded.restart
        self._guests[name] = guest
        del self._unloaded[name]

    async def _loaded(self, name: str) -> Loaded:
        try:
            return await self._loader.load(name)
        except Trouble:
            raise
        except Exception as error:  # a guest may break in ways that nobody foresaw; it stays its own trouble
            raise Trouble(Code.HOOK_FAILED, f"{name} cannot be loaded: {type(error).__name__}: {error}") from error

    def _may_load(self, name: str, unloaded: Unloaded) -> bool:
        return unloaded.backoff.due or self._asked_restarts(name) > unloaded.restart

    def _asked_restarts(self, name: str) -> int:
        override = self._overrides.get(name)
        return override.restart if override is not None else 0

    # -- showing -----------------------------------------------------------------------------------------------

    def _serving(self) -> bool:
        return any(guest.status.state.serves for guest in self._guests.values())

    def _report(self, name: str) -> PluginReport:
        member = self._guests.get(name) or self._unloaded.get(name)
        if member is None:
            return PluginReport(plugin=name, version="", status=Status(state=State.DISABLED, since=_NEVER), restart=0)
        return PluginReport(
            plugin=name, version=self._loader.version(name), status=member.status, restart=member.restart
        )

    def _show_unloaded(self, name: str, status: Status) -> None:
        self._unloaded[name].status = status
        self._services.mounts.stand_in(name, stand_in_of(status))
        self._wake.set()


CRASHES = 3
"""A plugin during whose start so many workers in a row have died is left out."""


def _crash_loop(name: str, times: int) -> Trouble:
    return Trouble(
        Code.CRASH_LOOP,
        f"the worker died {times} times in a row while {name} was starting",
        hint=f"Look at the log, install another version, then `serai restart {name}`.",
    )


_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@attrs.define
class Unloaded:
    """An enabled plugin that is not imported, or could not be."""

    status: Status = attrs.Factory(
        lambda: Status(state=State.STARTING, since=datetime.now(UTC), reason="it is going to be imported")
    )
    backoff: Backoff = attrs.Factory(Backoff)
    restart: int = 0
