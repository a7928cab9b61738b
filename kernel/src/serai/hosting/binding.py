"""From `[devices.x]` tables to drivers with their settings."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Mapping, Sequence

import attrs

from serai.config.deployment import Deployment, structure_device
from serai.declarations import Driver
from serai.errors import Mistake
from serai.hosting.declared import declare_driver
from serai.hosting.entry_points import DRIVERS, Import, Installed, installed
from serai.hosting.states import Blocked, Code, Trouble


@attrs.frozen(kw_only=True)
class BoundDevice:
    """A configured device; without a driver or settings where something is wrong with it."""

    name: str
    driver_name: str
    driver: Driver | None = None
    settings: object | None = None
    mistakes: Sequence[Mistake] = ()
    trouble: Trouble | None = None

    @property
    def reason(self) -> str:
        """Why it cannot be used, in one sentence; empty where it can."""
        if self.trouble is not None:
            return self.trouble.sentence
        return "; ".join(f"{m.dotted}: expected {m.expected}, found {m.found}" for m in self.mistakes)


async def bind_devices(deployment: Deployment) -> list[BoundDevice]:
    """Bind every device of the deployment; only the drivers that it names are imported."""
    drivers = installed(DRIVERS)
    imports: dict[str, Import] = {}
    for table in deployment.devices.values():
        if table.driver in drivers and table.driver not in imports:
            imports[table.driver] = Import(drivers[table.driver])
    bind = (_bind(deployment, name, drivers, imports) for name in sorted(deployment.devices))
    return list(await asyncio.gather(*bind))


async def _bind(
    deployment: Deployment, name: str, drivers: Mapping[str, Installed], imports: Mapping[str, Import]
) -> BoundDevice:
    wanted = deployment.devices[name].driver
    try:
        if wanted not in drivers:
            raise _not_installed(wanted, drivers)
        module = await imports[wanted].result(deployment.kernel.start_timeout)
        driver = declare_driver(drivers[wanted], module)
    except Trouble as trouble:
        return BoundDevice(name=name, driver_name=wanted, trouble=trouble)
    settings, mistakes = structure_device(deployment, name, driver.settings)
    return BoundDevice(name=name, driver_name=wanted, driver=driver, settings=settings, mistakes=mistakes)


def _not_installed(name: str, drivers: Mapping[str, Installed]) -> Blocked:
    near = difflib.get_close_matches(name, drivers, n=1)
    known = ", ".join(sorted(drivers)) or "none"
    return Blocked(
        Code.NOT_INSTALLED,
        f"no installed wheel brings a driver named {name!r}; installed are {known}",
        hint=f"Did you mean {near[0]}?" if near else "Install the driver's wheel.",
    )
