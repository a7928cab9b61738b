"""Imports enabled plugins for commands that need what they declare."""

from __future__ import annotations

import asyncio

from serai.config.deployment import Deployment
from serai.errors import SeraiError
from serai.hosting.declared import Declared
from serai.hosting.entry_points import PLUGINS, installed
from serai.hosting.loading import Loaded, Loader
from serai.hosting.permissions import KERNEL_PERMISSIONS
from serai.hosting.states import Trouble
from serai.identity.fields import FieldPolicy


async def load_enabled(deployment: Deployment, name: str) -> Loaded:
    """Load a plugin of the deployment. Raises `SeraiError` where it is not enabled or cannot be loaded."""
    if name not in deployment.kernel.plugins:
        raise SeraiError(
            f"{name} is not enabled in {deployment.document.path}",
            hint=f"Enabled are {', '.join(sorted(deployment.kernel.plugins)) or 'none'}.",
        )
    return await Loader(deployment, installed(PLUGINS), deployment.kernel.start_timeout).load(name)


async def load_all(deployment: Deployment) -> dict[str, Loaded | Trouble]:
    """Load every enabled plugin, each on its own; what keeps one from loading stands in its place."""
    loader = Loader(deployment, installed(PLUGINS), deployment.kernel.start_timeout)

    async def load(name: str) -> Loaded | Trouble:
        try:
            return await loader.load(name)
        except Trouble as trouble:
            return trouble

    names = sorted(deployment.kernel.plugins)
    return dict(zip(names, await asyncio.gather(*map(load, names)), strict=True))


async def load_elsewhere(deployment: Deployment) -> dict[str, Declared | Trouble]:
    """What the plugins of `[services]` declare, which run in another deployment; or why they have no client here."""
    loader = Loader(deployment, installed(PLUGINS), deployment.kernel.start_timeout)

    async def load(name: str) -> Declared | Trouble:
        try:
            return await loader.provider(name)
        except Trouble as trouble:
            return trouble

    names = sorted(deployment.services)
    return dict(zip(names, await asyncio.gather(*map(load, names)), strict=True))


async def known_permissions(deployment: Deployment) -> dict[str, str]:
    """Every permission of the kernel and of the plugins that load, with what it allows."""
    known = dict(KERNEL_PERMISSIONS)
    for declared in await _all_declared(deployment):
        known |= declared.info.permissions
    return known


async def field_policy(deployment: Deployment) -> FieldPolicy:
    """Who sees which personal field of the plugins that load."""
    policy = FieldPolicy(deployment.fields)
    for declared in await _all_declared(deployment):
        policy.declare(declared.info.personal)
    return policy


async def _all_declared(deployment: Deployment) -> list[Declared]:
    """What the plugins that load declare, those that run elsewhere too."""
    here = [loaded.declared for loaded in (await load_all(deployment)).values() if isinstance(loaded, Loaded)]
    elsewhere = (await load_elsewhere(deployment)).values()
    return [*here, *(declared for declared in elsewhere if isinstance(declared, Declared))]
