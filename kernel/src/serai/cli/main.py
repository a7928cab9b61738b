"""The command itself: its verbs, and how its errors look. A verb's module is imported when the verb is used."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.metadata import version

import click

from serai.errors import SeraiError

_VERBS = {
    "run": "run",
    "check": "check",
    "config": "config",
    "status": "plugins",
    "start": "plugins",
    "stop": "plugins",
    "restart": "plugins",
    "db": "db",
    "jobs": "jobs",
    "queue": "queue",
    "webhooks": "webhooks",
    "feed": "feed",
    "devices": "devices",
    "clients": "clients",
    "keys": "keys",
    "audit": "audit",
    "openapi": "openapi",
    "doctor": "doctor",
}
"""Each verb's module in this package; the verb is its attribute of the same name, followed by `_command`."""


class _Verbs(click.Group):
    """Imports a verb only when it is asked for: importing all of them takes longer than most verbs do."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _VERBS:
            return None
        command: click.Command = getattr(import_module(f"serai.cli.{_VERBS[name]}"), f"{name}_command")
        return command


@click.command(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(version("serai"), prog_name="serai")
def cli() -> None:
    """Run a company's internal systems as plugins of one server."""


def main() -> None:
    """Entry point of the `serai` script: exit code 1 and one explained line for what a person can put right."""
    try:
        cli()
    except SeraiError as error:
        click.echo(f"serai: {error.sentence}", err=True)
        if error.hint:
            click.echo(f"  {error.hint}", err=True)
        sys.exit(1)
