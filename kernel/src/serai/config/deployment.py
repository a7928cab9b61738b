"""One deployment: the kernel's settings, and the tables of its devices and plugins."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import attrs

from serai.config import names
from serai.config.document import ConfigError, Document, load
from serai.config.fields import FieldSettings
from serai.config.services import ServiceSettings
from serai.config.settings import DemoSettings, KernelSettings
from serai.config.structuring import structure
from serai.config.wording import nearest, one_of, visible
from serai.errors import Mistake

T = TypeVar("T")


@attrs.frozen
class DeviceTable:
    """`[devices.NAME]`: which driver, and what is left for the driver's own settings."""

    driver: str
    tree: Mapping[str, Any] = attrs.field(repr=False)


@attrs.frozen
class Deployment:
    """A configuration whose kernel part is right; devices and plugins are structured when their types are known."""

    document: Document
    kernel: KernelSettings
    devices: Mapping[str, DeviceTable]
    plugins: Mapping[str, Mapping[str, Any]] = attrs.field(repr=False)
    """The tables of all listed plugins; empty where there is none."""
    fields: Mapping[str, FieldSettings] = attrs.Factory(dict)
    """What is changed in who sees which personal fields; which there are, the plugins know."""
    services: Mapping[str, ServiceSettings] = attrs.Factory(dict)
    """Plugins that run in another deployment, by name."""


@attrs.frozen(kw_only=True)
class _Sections:
    """The tables of a file; what is in them is looked at one by one, so that no mistake hides another."""

    kernel: Any = None
    devices: Any = None
    plugins: Any = None
    fields: Any = None
    services: Any = None


@attrs.frozen
class _NoSettings:
    """Of plugins and drivers that have no settings class."""


def read(path: Path, environ: Mapping[str, str] = os.environ) -> Deployment:
    """Read a deployment's file and the environment.

    Raises `ConfigError` with all mistakes but those in the settings of plugins and drivers, whose types are not known
    here: `structure_plugin` and `structure_device` find these.
    """
    deployment, mistakes = examine(path, environ)
    if mistakes:
        raise ConfigError(deployment.document, mistakes)
    return deployment


def examine(path: Path, environ: Mapping[str, str] = os.environ) -> tuple[Deployment, list[Mistake]]:
    """As `read`, but gives the mistakes and what can be made out beside them, so that all can be told at once.

    Where `[kernel]` has mistakes its settings are the defaults, with the plugins that it lists. Raises `ConfigError`
    where the file cannot be read.
    """
    document = load(path, environ)
    tree, mistakes = document.tree, document.mistakes.copy()
    mistakes += structure(_Sections, dict.fromkeys(tree))[1]
    kernel, wrong = structure(KernelSettings, tree.get("kernel", {}), ("kernel",), environ=environ)
    mistakes += wrong
    devices = {name: _device(name, table, mistakes) for name, table in _tables(tree, "devices", mistakes).items()}
    plugins = _tables(tree, "plugins", mistakes)
    given = structure(dict[str, Any], tree.get("kernel", {}))[0] or {}
    listed = structure(tuple[str, ...], given.get("plugins", ()))[0]
    if listed is not None:
        mistakes += [_unlisted(name, listed) for name in plugins if name not in listed]
    if kernel is None:
        usable = tuple(dict.fromkeys(name for name in listed or () if names.fault(name) is None))
        kernel = KernelSettings(plugins=usable, demo=DemoSettings())
    plugins = {name: plugins.get(name, {}) for name in kernel.plugins}
    services = _services(document, kernel.plugins, mistakes)
    fields = _fields(tree, (*kernel.plugins, *services), mistakes)
    deployment = Deployment(
        document=document, kernel=kernel, devices=devices, plugins=plugins, fields=fields, services=services
    )
    return deployment, mistakes


def structure_plugin(deployment: Deployment, name: str, settings: type[T] | None) -> tuple[T | None, list[Mistake]]:
    """The settings of an enabled plugin, or all mistakes of its table; no settings class allows no keys."""
    environ = deployment.document.environ
    return structure(settings or _NoSettings, deployment.plugins[name], ("plugins", name), environ=environ)


def structure_device(deployment: Deployment, name: str, settings: type[T] | None) -> tuple[T | None, list[Mistake]]:
    """The settings of a device's driver, or all mistakes of its table; no settings class allows no keys."""
    environ = deployment.document.environ
    return structure(settings or _NoSettings, deployment.devices[name].tree, ("devices", name), environ=environ)


def _tables(tree: Mapping[str, Any], section: str, mistakes: list[Mistake]) -> dict[str, dict[str, Any]]:
    """The tables of one section by name, without those that are none."""
    entries, wrong = structure(dict[str, Any], tree.get(section, {}), (section,))
    tables = {}
    for name, entry in (entries or {}).items():
        tables[name], faults = structure(dict[str, Any], entry, (section, name))
        wrong += faults
    mistakes += wrong
    return {name: table for name, table in tables.items() if table is not None}


def _device(name: str, tree: Mapping[str, Any], mistakes: list[Mistake]) -> DeviceTable:
    fault = names.fault(name)
    if fault is not None:
        mistakes.append(Mistake(("devices", name), "a device's name", f"one that {fault}"))
    if "driver" not in tree:
        mistakes.append(Mistake(("devices", name, "driver"), "the name of a driver", "nothing"))
    driver, wrong = structure(str, tree.get("driver", ""), ("devices", name, "driver"))
    mistakes += wrong
    return DeviceTable(driver=driver or "", tree={key: value for key, value in tree.items() if key != "driver"})


def _fields(tree: Mapping[str, Any], listed: tuple[str, ...], mistakes: list[Mistake]) -> dict[str, FieldSettings]:
    """The tables of personal fields; a name that no enabled plugin could declare is a mistake."""
    fields = {}
    for name, table in _tables(tree, "fields", mistakes).items():
        plugin, dot, _ = name.partition(".")
        if not dot:
            mistakes.append(Mistake(("fields", name), 'PLUGIN.FIELD, as [fields."isapi.grade"]', visible(name)))
        elif plugin not in listed:
            wanted = f"a field of a plugin that runs here or elsewhere{nearest(plugin, listed)}"
            mistakes.append(Mistake(("fields", name), wanted, f"one of {plugin}"))
        settings, wrong = structure(FieldSettings, table, ("fields", name))
        mistakes += wrong
        if settings is not None:
            fields[name] = settings
    return fields


def _services(document: Document, listed: tuple[str, ...], mistakes: list[Mistake]) -> dict[str, ServiceSettings]:
    """The tables of plugins that run elsewhere; one that runs here as well is a mistake."""
    services = {}
    for name, table in _tables(document.tree, "services", mistakes).items():
        fault = names.fault(name)
        if fault is not None:
            mistakes.append(Mistake(("services", name), "a plugin's name", f"one that {fault}"))
        elif name in listed:
            wanted = f"a plugin that runs elsewhere only: take {name} out here, or out of kernel.plugins"
            mistakes.append(Mistake(("services", name), wanted, "one that kernel.plugins lists"))
        settings, wrong = structure(ServiceSettings, table, ("services", name), environ=document.environ)
        mistakes += wrong
        if settings is not None:
            services[name] = settings
    return services


def _unlisted(name: str, listed: tuple[str, ...]) -> Mistake:
    known = one_of(listed) if listed else "no table, because kernel.plugins lists none"
    wanted = f"{known}{nearest(name, listed)} (to enable {name}, add it to kernel.plugins)"
    return Mistake(("plugins", name), wanted, "unknown key")
