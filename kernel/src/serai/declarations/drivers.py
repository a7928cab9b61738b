"""`Driver`: code that speaks to one kind of outside thing; a device is a driver with a name and settings."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import attrs

from serai.declarations.logs import Log


class Link(Protocol):
    """What a driver gets from the kernel besides its settings."""

    name: str
    """The device's name in the configuration."""
    log: Log

    def lost(self, reason: str) -> None:
        """Say that the thing went away. The kernel leaves the driver's context and enters a new one after a pause."""


DriverFactory = Callable[[Any, Link], AbstractAsyncContextManager[object]]
"""`factory(settings, link)`: entering it connects (state `connecting`), what it yields is what
`ctx.devices.get(Protocol, name)` returns (state `ready`), leaving it lets go of everything."""


@attrs.frozen(kw_only=True)
class Driver:
    """One driver; `[devices.x] driver = NAME` binds it, the table's other keys are fields of `settings`."""

    kind: str
    """What sort of thing it speaks to: `ehr`, `modem` ..."""
    name: str
    factory: DriverFactory
    settings: type | None = None
    """An attrs class."""
    exclusive: bool = False
    """Only one process of the cluster may hold such a device at a time."""
