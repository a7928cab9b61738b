"""Keeps one device alive: connects, notices that it went away, connects again; what a driver does wrong ends here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from random import uniform
from typing import Protocol

import attrs

from serai.context import DeviceState
from serai.declarations import Driver, Log
from serai.devices.leases import HeldElsewhere, Leases
from serai.errors import PluginError, SeraiError, describe
from serai.telemetry import logs

FIRST_PAUSE = 0.25
LONGEST_PAUSE = 5.0
"""Seconds between two attempts to connect: from the first, doubled each time, to the longest."""


class Binding(Protocol):
    """A configured device: its driver and settings, or the reason why it can have none."""

    @property
    def name(self) -> str: ...
    @property
    def driver_name(self) -> str: ...
    @property
    def driver(self) -> Driver | None: ...
    @property
    def settings(self) -> object | None: ...
    @property
    def reason(self) -> str:
        """Why it cannot be used, in one sentence; empty where it can."""


@attrs.frozen(kw_only=True)
class Limits:
    """Seconds that a driver has."""

    connect: float = 30.0
    leave: float = 5.0


class DeviceLink:
    """What a driver gets, as its `serai.Link`, each time it is to connect."""

    def __init__(self, name: str, log: Log) -> None:
        self.name = name
        self.log = log
        self.reason = ""
        self.gone = asyncio.Event()
        self.connecting: asyncio.Timeout | None = None

    def lost(self, reason: str) -> None:
        """Have the driver's context left; where it is still being entered, that is cut off."""
        if not self.gone.is_set():
            self.reason = reason
            self.gone.set()
            if self.connecting:
                self.connecting.reschedule(asyncio.get_running_loop().time())


class Keeper:
    """One device in this process. `changed` is called with every new state."""

    def __init__(
        self, binding: Binding, leases: Leases, limits: Limits, changed: Callable[[DeviceState], None]
    ) -> None:
        self.thing: object | None = None
        """What the driver yielded, while it is ready."""
        self.state = DeviceState(
            name=binding.name,
            kind=binding.driver.kind if binding.driver else "",
            driver=binding.driver_name,
            state="connecting",
            since=datetime.now(UTC),
        )
        self._binding = binding
        self._leases = leases
        self._limits = limits
        self._changed = changed
        self._log = logs.get(binding.name)
        self._told = ("", "")
        self._look = asyncio.Event()
        self._backoff = FIRST_PAUSE

    def retry(self) -> None:
        """Try again now, or right after the attempt that goes on."""
        self._backoff = FIRST_PAUSE
        self._look.set()

    def given_back(self) -> None:
        """Another process may have let go of it: if it is exclusive, try now."""
        if self._binding.driver is not None and self._binding.driver.exclusive:
            self.retry()

    async def run(self) -> None:
        """Keep the device until cancelled."""
        driver = self._binding.driver
        if driver is None or self._binding.reason:
            hint = f"Correct [devices.{self._binding.name}]; `serai check` tells all that is wrong."
            self._become("misconfigured", self._binding.reason, hint)
            return
        while True:
            self._look.clear()  # before the attempt: what is given back meanwhile is not to be missed
            self._become(*await self._attempt(driver))
            await self._pause()

    async def _attempt(self, driver: Driver) -> tuple[str, str, str]:
        """Connect and stay until it is lost, or cannot be had: the state, reason and hint that this ends in."""
        again = "It is tried again by itself every few seconds."
        try:
            reason = await self._hold(driver)
        except HeldElsewhere as error:
            return "held elsewhere", error.sentence, "It is taken over when it becomes free."
        except PluginError as error:  # somebody has to change something; trying on may lock an account
            asked = f"Then `serai devices retry {self._binding.name}`."
            return "misconfigured", error.sentence, f"{error.hint}. {asked}" if error.hint else asked
        except SeraiError as error:
            return "backing off", error.sentence, error.hint or again
        except asyncio.CancelledError:
            if _being_cancelled():
                raise
            return "backing off", "The driver ended itself as if it had been cancelled.", again
        except (Exception, SystemExit) as error:  # noqa: BLE001  # a guest may raise anything
            return "backing off", describe(error), again
        return "backing off", reason, again

    async def _hold(self, driver: Driver) -> str:
        """Have the device, alone where that is asked for; why it was lost."""
        link = DeviceLink(self._binding.name, self._log)
        async with AsyncExitStack() as lease:
            if driver.exclusive:
                await lease.enter_async_context(self._leases.hold(self._binding.name, link.lost))
            self._become("connecting")
            session = AsyncExitStack()
            thing = await self._connect(driver, link, session)
            ready_at = asyncio.get_running_loop().time()
            try:
                self.thing = thing
                self._become("ready")
                await link.gone.wait()
            finally:
                self.thing = None
                if link.gone.is_set():
                    self._become("lost", link.reason)
                await self._leave(session)
            if asyncio.get_running_loop().time() - ready_at > LONGEST_PAUSE:
                self._backoff = FIRST_PAUSE
            return link.reason

    async def _connect(self, driver: Driver, link: DeviceLink, session: AsyncExitStack) -> object:
        limit = asyncio.timeout(self._limits.connect)
        try:
            async with limit as link.connecting:
                return await session.enter_async_context(driver.factory(self._binding.settings, link))
        except TimeoutError:
            if limit.expired():
                raise SeraiError(link.reason or f"It did not connect within {self._limits.connect:g} s.") from None
            raise
        finally:
            link.connecting = None

    async def _leave(self, session: AsyncExitStack) -> None:
        """Leave the driver's context, which may go wrong or hang."""
        try:
            async with asyncio.timeout(self._limits.leave):
                await session.aclose()
        except asyncio.CancelledError:
            if _being_cancelled():
                raise
        except (Exception, SystemExit) as error:  # noqa: BLE001  # a guest may raise anything
            self._log.warning("the driver did not let go in order", error=describe(error))

    async def _pause(self) -> None:
        if self.state.state == "misconfigured":
            await self._look.wait()
            return
        pause = LONGEST_PAUSE
        if self.state.state == "backing off":
            pause = self._backoff
            self._backoff = min(2 * pause, LONGEST_PAUSE)
        try:
            async with asyncio.timeout(pause * uniform(0.5, 1)):
                await self._look.wait()
        except TimeoutError:
            return

    def _become(self, state: str, reason: str = "", hint: str = "") -> None:
        if (state, reason) == (self.state.state, self.state.reason):
            return
        self.state = attrs.evolve(self.state, state=state, reason=reason, hint=hint, since=datetime.now(UTC))
        if state != "connecting" and (state, reason) != self._told:  # each attempt in vain is not news
            self._told = (state, reason)
            self._log.info("device state", state=state, reason=reason)
        self._changed(self.state)


def _being_cancelled() -> bool:
    """Whether somebody wants this task to end; else a CancelledError is the driver's own."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
