"""In which order plugins start, and which can never start beside each other. Pure: no plugin code runs here."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from serai.hosting.declared import Declared
from serai.hosting.states import Blocked, Code


def start_order(plugins: Mapping[str, Declared]) -> tuple[list[str], dict[str, Blocked]]:
    """Order enabled plugins so that each comes after what it `requires` and comes `after`; ties by name.

    Returns the order of all that can start, and why each of the others cannot.
    """
    blocked = _conflicts(plugins)
    blocked |= _cycles({name: plugin for name, plugin in plugins.items() if name not in blocked})
    waiting = {
        name: {other for other in predecessors(plugin) if other in plugins and other not in blocked}
        for name, plugin in plugins.items()
        if name not in blocked
    }
    order: list[str] = []
    while waiting:
        # Soft cycles (`after`) must not stop anybody: where all wait, the first by name goes.
        free = sorted(name for name, before in waiting.items() if not before) or sorted(waiting)[:1]
        for name in free[:1]:
            order.append(name)
            del waiting[name]
            for before in waiting.values():
                before.discard(name)
    return order, blocked


def predecessors(plugin: Declared) -> set[str]:
    """Names of the plugins that start before this one, where they are enabled."""
    return {requirement.name for requirement in plugin.requires} | set(plugin.info.after)


def missing_requirement(
    plugin: Declared, versions: Mapping[str, str], elsewhere: Collection[str] = ()
) -> Blocked | None:
    """Why the enabled plugins (`versions` by name) can never satisfy `plugin`; None where they can.

    Those that run `elsewhere` say their versions themselves.
    """
    for requirement in plugin.requires:
        if requirement.name in elsewhere:
            continue
        version = versions.get(requirement.name)
        if version is None:
            return Blocked(
                Code.MISSING_REQUIREMENT,
                f"{plugin.name} {plugin.version} requires {requirement}, which is not enabled here",
                hint=f"List it in kernel.plugins, or say in [services.{requirement.name}] where it runs.",
            )
        if not requirement.specifier.contains(version, prereleases=True):
            return Blocked(
                Code.MISSING_REQUIREMENT,
                f"{plugin.name} {plugin.version} requires {requirement}, installed is {requirement.name} {version}",
                hint=f"Install a version of {requirement.name} in that range.",
            )
    return None


def _conflicts(plugins: Mapping[str, Declared]) -> dict[str, Blocked]:
    """Of two plugins that cannot be together the one that says so is blocked, the other serves."""
    return {
        name: Blocked(
            Code.CONFLICT,
            f"{name} {plugin.version} cannot be enabled beside {other}",
            hint=f"Take {name} or {other} out of kernel.plugins.",
        )
        for name, plugin in sorted(plugins.items())
        for other in plugin.info.conflicts
        if other in plugins
    }


def _cycles(plugins: Mapping[str, Declared]) -> dict[str, Blocked]:
    """Plugins that require each other in a ring, each with the ring in its reason."""
    blocked: dict[str, Blocked] = {}
    for name in sorted(plugins):
        ring = _ring(name, plugins)
        if ring:
            blocked[name] = Blocked(
                Code.MISSING_REQUIREMENT,
                f"{name} requires itself in a ring: {' -> '.join(ring)}",
                hint="One of them must do without the other: a plugin team has to break the ring.",
            )
    return blocked


def _ring(start: str, plugins: Mapping[str, Declared]) -> list[str]:
    """The way along `requires` from `start` back to `start`; empty where there is none."""
    paths = [[start]]
    seen: set[str] = set()
    while paths:
        path = paths.pop()
        for requirement in plugins[path[-1]].requires:
            if requirement.name == start:
                return [*path, start]
            if requirement.name in plugins and requirement.name not in seen:
                seen.add(requirement.name)
                paths.append([*path, requirement.name])
    return []
