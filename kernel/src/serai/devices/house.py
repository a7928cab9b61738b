"""The devices of one process: each kept by its own task, found by name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from serai.context import Database, DeviceState
from serai.declarations import Log
from serai.devices.keeper import Binding, Keeper, Limits
from serai.devices.leases import GIVE_BACK, Leases
from serai.devices.reports import Reports
from serai.devices.satisfying import missing
from serai.errors import DeviceDown, PluginError

T = TypeVar("T")

RETRY = "device_retry"
"""Channel on which every process is asked to try a device again at once; the payload is its name."""


class DeviceHouse:
    """Fills `serai.Devices`.

    `database` is the kernel's own (schema `serai`), `process_id` names this start of this process and no other,
    locks lie in `state_dir`/run. `lease` is how many seconds an exclusive device stays its owner's after the owner's
    last sign of life; it is longer than `limits.leave`, because an owner that cannot renew lets go in time.
    """

    def __init__(
        self,
        database: Database,
        process_id: str,
        state_dir: Path,
        log: Log,
        *,
        lease: float = 20.0,
        limits: Limits | None = None,
    ) -> None:
        self._database = database
        self._limits = limits or Limits()
        self._leases = Leases(database, process_id, state_dir / "run", log, lease=lease, margin=self._limits.leave)
        self._reports = Reports(database, process_id, self.states, log)
        self._log = log
        self._keepers: dict[str, Keeper] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._subscribers: list[Callable[[DeviceState], None]] = []
        self._satisfied: set[tuple[type, type]] = set()
        self._change = asyncio.Event()
        """Set at the next change of any device, and then replaced."""

    async def start(self, bindings: Sequence[Binding]) -> None:
        """Begin to connect all devices; waits for none of them."""
        self._keepers = {
            binding.name: Keeper(binding, self._leases, self._limits, self._changed) for binding in bindings
        }
        self._database.listen("devices", self._given_back)
        self._database.listen(RETRY, self._asked)
        self._tasks = {
            asyncio.create_task(keeper.run(), name=f"device {name}") for name, keeper in self._keepers.items()
        }
        self._tasks.add(asyncio.create_task(self._reports.run(), name="device reports"))
        self._reports.changed()

    async def stop(self) -> None:
        """Let go of all devices, each within its time limit."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            _, stuck = await asyncio.wait(self._tasks, timeout=self._limits.leave + GIVE_BACK + 1)
            for task in stuck:
                self._log.warning("a driver does not let go", task=task.get_name())
            await self._reports.withdraw()
        self._tasks = set()

    def get(self, protocol: type[T], name: str) -> T:
        """What the driver of the device yielded. Raises as `serai.Devices.get` says."""
        keeper = self._keeper(name)
        thing, state = keeper.thing, keeper.state
        if thing is None:
            reason = f": {state.reason}" if state.reason else ""
            raise DeviceDown(
                f"The device {name} ({state.driver}) is {state.state}{reason}",
                hint=state.hint,
                headers={"Retry-After": "5"},
            )
        self._check(thing, protocol, state)
        return thing  # type: ignore[return-value]  # checked member by member: a Protocol need not be runtime-checkable

    async def wait_for(self, protocol: type[T], name: str, *, timeout: float) -> T:
        """As `get`, once the device is ready, for at most `timeout` seconds."""
        keeper = self._keeper(name)
        try:
            async with asyncio.timeout(timeout):
                while keeper.thing is None and keeper.state.state != "misconfigured":
                    await self._change.wait()
        except TimeoutError:
            pass  # `get` says how it is
        return self.get(protocol, name)

    def state(self, name: str) -> DeviceState:
        """How the device is now. Raises `PluginError` where there is none of that name."""
        return self._keeper(name).state

    def states(self) -> list[DeviceState]:
        """How all devices are, by name."""
        return [self._keepers[name].state for name in sorted(self._keepers)]

    def subscribe(self, callback: Callable[[DeviceState], None]) -> None:
        """Call `callback` with each new state of each device."""
        self._subscribers.append(callback)

    def retry(self, name: str) -> None:
        """Try at once to connect a device that is backing off. Raises `PluginError` where there is none."""
        self._keeper(name).retry()

    def _keeper(self, name: str) -> Keeper:
        if name not in self._keepers:
            known = ", ".join(sorted(self._keepers)) or "none"
            raise PluginError(
                f"There is no device {name!r}; configured are: {known}", hint=f"Add [devices.{name}] with its driver."
            )
        return self._keepers[name]

    def _check(self, thing: object, protocol: type, state: DeviceState) -> None:
        pair = (protocol, type(thing))
        if pair in self._satisfied:
            return
        if lacking := missing(thing, protocol):
            raise PluginError(
                f"The device {state.name} is of the kind {state.kind!r} (driver {state.driver})"
                f" and no {protocol.__name__}: it lacks {', '.join(lacking)}",
                hint="Name a device of the kind that the plugin uses.",
            )
        self._satisfied.add(pair)

    def _changed(self, state: DeviceState) -> None:
        self._change.set()
        self._change = asyncio.Event()
        self._reports.changed()
        for callback in self._subscribers:
            try:
                callback(state)
            except Exception:  # noqa: BLE001  # the device goes on whatever its watchers do
                self._log.exception("a watcher of devices failed", device=state.name)

    def _asked(self, name: str | None) -> None:
        """An operator wants the device tried again; None where that may have been missed: nobody's harm."""
        if name in self._keepers:
            self._keepers[name].retry()

    def _given_back(self, name: str | None) -> None:
        """Another process let go of the device; None where notifications may have been missed."""
        for keeper in self._keepers.values():
            if name in (None, keeper.state.name):
                keeper.given_back()
