"""`serai openapi NAME`."""

from __future__ import annotations

import click

from serai.cli.loaded import field_policy, load_enabled
from serai.cli.options import in_loop, reads_deployment
from serai.cli.output import show_json
from serai.config.deployment import Deployment
from serai.web.plugin_app import openapi_of


@click.command("openapi")
@click.argument("name")
@reads_deployment
@click.option("--json", "json_", is_flag=True, help="JSON is what it always prints.")
@in_loop
async def openapi_command(deployment: Deployment, name: str, json_: bool) -> None:
    """Print the OpenAPI 3.1 document of an enabled plugin."""
    loaded = await load_enabled(deployment, name)
    show_json(openapi_of(loaded.declared.routes, await field_policy(deployment)))
