"""`serai config schema`."""

from __future__ import annotations

import asyncio

import click

from serai.cli.options import in_loop
from serai.cli.output import say, show_json
from serai.config.schema import deployment_schema
from serai.hosting.declared import declare_driver, declare_plugin
from serai.hosting.entry_points import DRIVERS, PLUGINS, Import, installed
from serai.hosting.states import Trouble

IMPORT_LIMIT = 10.0


@click.group("config")
def config_command() -> None:
    """The deployment's file."""


@config_command.command("schema")
@in_loop
async def schema() -> None:
    """Print JSON Schema of the file, with the settings of every installed plugin and driver."""
    plugins = await _settings(PLUGINS)
    drivers = await _settings(DRIVERS)
    show_json(deployment_schema(plugins, drivers))


async def _settings(group: str) -> dict[str, type | None]:
    """The settings class of everything installed in a group that loads; what does not is told."""
    found: dict[str, type | None] = {}

    async def load(name: str) -> None:
        what = installed(group)[name]
        try:
            module = await Import(what).result(IMPORT_LIMIT)
            if group == PLUGINS:
                found[name] = declare_plugin(what, module).info.settings
            else:
                found[name] = declare_driver(what, module).settings
        except Trouble as trouble:
            say(f"left out: {trouble}")

    await asyncio.gather(*map(load, installed(group)))
    return dict(sorted(found.items()))
