"""Serai: a small aiohttp kernel that hosts a company's internal systems as plugins.

What this module exports is the kernel API; everything else in the package is private to it. Names are imported when
first used, because importing all of them costs a second.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from serai.config import Secret as Secret
    from serai.context import (
        Call as Call,
        Context as Context,
        Database as Database,
        Devices as Devices,
        Principal as Principal,
        Run as Run,
    )
    from serai.declarations import (
        Api as Api,
        Driver as Driver,
        Health as Health,
        Job as Job,
        Link as Link,
        Log as Log,
        Page as Page,
        PageQuery as PageQuery,
        PluginInfo as PluginInfo,
        Setting as Setting,
        job as job,
    )
    from serai.errors import (
        Conflict as Conflict,
        DeviceDown as DeviceDown,
        Forbidden as Forbidden,
        Invalid as Invalid,
        Mistake as Mistake,
        NotFound as NotFound,
        PluginError as PluginError,
        Problem as Problem,
        Refused as Refused,
        SeraiError as SeraiError,
        Unauthenticated as Unauthenticated,
        Unavailable as Unavailable,
    )
    from serai.hookspecs import hookimpl as hookimpl

_HOMES = {
    "serai.config": ("Secret",),
    "serai.context": ("Call", "Context", "Database", "Devices", "Principal", "Run"),
    "serai.declarations": (
        "Api", "Driver", "Health", "Job", "Link", "Log", "Page", "PageQuery", "PluginInfo", "Setting", "job",
    ),
    "serai.errors": (
        "Conflict", "DeviceDown", "Forbidden", "Invalid", "Mistake", "NotFound", "PluginError", "Problem", "Refused",
        "SeraiError", "Unauthenticated", "Unavailable",
    ),
    "serai.hookspecs": ("hookimpl",),
}  # fmt: skip
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'serai' has no attribute {name!r}")
    return getattr(import_module(home), name)
