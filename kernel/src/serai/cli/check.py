"""`serai check`: everything that is wrong with a deployment's file, at once."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from serai.cli.loaded import load_all, load_elsewhere
from serai.cli.options import as_json, in_loop, names_file
from serai.cli.output import show_json
from serai.config.deployment import Deployment, examine
from serai.config.document import ConfigError
from serai.errors import Mistake, PluginError
from serai.hosting.binding import bind_devices
from serai.hosting.declared import Declared
from serai.hosting.entry_points import PLUGINS, installed
from serai.hosting.loading import Loaded, Misconfigured, field_mistakes, unknown_audiences
from serai.hosting.order import missing_requirement, start_order
from serai.hosting.permissions import KERNEL_PERMISSIONS
from serai.hosting.states import Trouble
from serai.identity.fields import FieldPolicy
from serai.web.fields import check_fields
from serai.work.schedule import schedule_of


@click.command("check")
@names_file
@as_json
@in_loop
async def check_command(config: Path, json_: bool) -> None:
    """Name every mistake of the file: where, what was expected, what was found. Exit code 3 where there are any.

    Imports the plugins and drivers that the file lists and no others; needs no database.
    """
    try:
        deployment, mistakes = examine(config)
    except ConfigError as error:
        lines = _lines(error)
    else:
        lines = await _deep(deployment, mistakes)
    if json_:
        show_json(lines)
    else:
        for line in lines:
            click.echo(line["text"], err=True)
        if not lines:
            click.echo(f"{config} is in order")
    if lines:
        sys.exit(3)


async def _deep(deployment: Deployment, mistakes: list[Mistake]) -> list[dict[str, str]]:
    """The mistakes known, and what only the plugins and drivers themselves know to be wrong."""
    loaded = await load_all(deployment)
    lines: list[dict[str, str]] = []
    for name, plugin in loaded.items():
        if isinstance(plugin, Misconfigured):
            mistakes += plugin.mistakes
        elif isinstance(plugin, Trouble):
            lines.append(_line(deployment, f"kernel.plugins: {name}", plugin.sentence, plugin.hint))
    plugins = {name: plugin.declared for name, plugin in loaded.items() if isinstance(plugin, Loaded)}
    versions = {name: what.version for name, what in installed(PLUGINS).items() if name in loaded}
    known = dict(plugins)
    for name, provider in (await load_elsewhere(deployment)).items():
        if isinstance(provider, Trouble):
            lines.append(_line(deployment, f"services.{name}", provider.sentence, provider.hint))
        else:
            known[name] = provider
            mistakes += field_mistakes(deployment, provider)
    mistakes += _foreign_audiences(deployment, known)
    lines += _undeclared_fields(deployment, plugins, known)
    for name, blocked in start_order(plugins)[1].items():
        lines.append(_line(deployment, f"kernel.plugins: {name}", blocked.sentence, blocked.hint))
    for name, declared in plugins.items():
        missing = missing_requirement(declared, versions, deployment.services)
        if missing is not None:
            lines.append(_line(deployment, f"kernel.plugins: {name}", missing.sentence, missing.hint))
    for name, plugin in loaded.items():
        if isinstance(plugin, Loaded):
            lines += [_line(deployment, f"plugins.{name}", str(error), "") for error in _unschedulable(plugin)]
    for device in await bind_devices(deployment):
        mistakes += device.mistakes
        if device.trouble is not None:
            lines.append(_line(deployment, f"devices.{device.name}", device.trouble.sentence, device.trouble.hint))
    return _lines(ConfigError(deployment.document, mistakes)) + lines


def _foreign_audiences(deployment: Deployment, plugins: Mapping[str, Declared]) -> Iterator[Mistake]:
    """Audiences in `[fields]` that would be permissions of another plugin, but are none."""
    permissions = {*KERNEL_PERMISSIONS, *(name for declared in plugins.values() for name in declared.info.permissions)}
    for field, settings in deployment.fields.items():
        yield from unknown_audiences(field, settings, permissions, foreign=True)


def _undeclared_fields(
    deployment: Deployment, plugins: Mapping[str, Declared], known: Mapping[str, Declared]
) -> Iterator[dict[str, str]]:
    """Plugins whose types name personal fields that no known plugin declares."""
    policy = FieldPolicy(deployment.fields)
    for declared in known.values():
        policy.declare(declared.info.personal)
    for name, declared in plugins.items():
        try:
            check_fields(name, declared.apis, policy)
        except PluginError as error:
            yield _line(deployment, f"kernel.plugins: {name}", error.sentence, error.hint)


def _unschedulable(plugin: Loaded) -> Iterator[PluginError]:
    """Why jobs of the plugin could never run."""
    for job in plugin.declared.jobs:
        try:
            schedule_of(plugin.declared.name, job, plugin.settings)
        except PluginError as error:
            yield error


def _line(deployment: Deployment, where: str, sentence: str, hint: str) -> dict[str, str]:
    file = str(deployment.document.path)
    text = f"{file}: {where}: {sentence}" + (f" ({hint})" if hint else "")
    return {"file": file, "path": where, "expected": hint, "found": sentence, "text": text}


def _lines(error: ConfigError) -> list[dict[str, str]]:
    return [
        {
            "file": str(error.document.path),
            "path": mistake.dotted,
            "expected": mistake.expected,
            "found": mistake.found,
            "text": error.document.describe(mistake),
        }
        for mistake in error.mistakes
    ]
