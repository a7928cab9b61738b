"""The plugin contract, kernel API 1: seven hooks.

A plugin's entry point (group `serai.plugins`), or a driver's (`serai.drivers`), names a module with `@hookimpl`
functions of these names; any of them may be left out but `plugin_info` in a plugin and `register_drivers` in a driver.
Hooks that declare take no context and do no I/O: they return data, the kernel acts. Only `lifespan` and `health` act.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import pluggy
from aiohttp import web

from serai.context import Context
from serai.declarations import Api, Driver, Health, Job, PluginInfo, Subscription, Task

KERNEL_API = "1.0"
"""The version that `PluginInfo.kernel` is compared with."""

hookspec = pluggy.HookspecMarker("serai")
hookimpl = pluggy.HookimplMarker("serai")


@hookspec
def plugin_info() -> PluginInfo:
    """Say what the plugin is and needs."""


@hookspec
def register_routes() -> Sequence[Api | web.RouteTableDef]:
    """Typed routes (`Api`), and aiohttp's own tables for raw handlers; mounted live under `/{name}`."""


@hookspec
def register_jobs() -> Sequence[Job | Subscription | Task[Any]]:
    """What runs by the clock, for each event of the feed, and for what is put in the queue."""


@hookspec
def register_migrations() -> str:
    """Where the Alembic revisions are: `"serai_isapi:migrations"`, a folder in a package."""


@hookspec
def register_drivers() -> Sequence[Driver]:
    """Drivers that `[devices.x] driver = ...` can name."""


@hookspec
def lifespan(ctx: Context) -> AbstractAsyncContextManager[None]:
    """Enter when the plugin starts, leave when it stops; what it makes it keeps with `ctx.provide`."""


@hookspec
async def health(ctx: Context) -> Health:
    """Say whether the plugin is well; asked every few seconds, so cheap."""
