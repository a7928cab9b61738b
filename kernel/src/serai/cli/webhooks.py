"""`serai webhooks`: where clients are told of what happens."""

from __future__ import annotations

import getpass
from pathlib import Path

import attrs
import click

from serai.cli.house import opened
from serai.cli.options import as_json, in_loop, names_file, reads_deployment
from serai.cli.output import say, show_json, show_table
from serai.config.deployment import Deployment, read
from serai.webhooks import registry
from serai.webhooks.service import deliveries_in


@click.group("webhooks", invoke_without_command=True)
@names_file
@as_json
@click.pass_context
def webhooks_command(context: click.Context, config: Path, json_: bool) -> None:
    """Show all webhooks; or act on one."""
    if context.invoked_subcommand is None:
        _list(deployment=read(config), json_=json_)


@in_loop
async def _list(deployment: Deployment, json_: bool) -> None:
    async with opened(deployment) as house:
        found = [attrs.asdict(webhook) for webhook in await registry.list_webhooks(house.database)]
    if json_:
        show_json(found)
    else:
        columns = ("id", "client", "url", "topics", "enabled", "failing_since", "reason")
        show_table(found, columns, "no client has a webhook")


@webhooks_command.command("deliveries")
@click.argument("webhook_id", metavar="ID")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@reads_deployment
@as_json
@in_loop
async def deliveries(deployment: Deployment, webhook_id: str, limit: int, json_: bool) -> None:
    """Show what was sent to a webhook, newest first."""
    async with opened(deployment) as house:
        await registry.get(house.database, webhook_id)
        found = await deliveries_in(house.database).list(webhook_id, None, 2**62, limit)
    rows = [attrs.asdict(record) for record in found]
    if json_:
        show_json(rows)
    else:
        columns = ("seq", "topic", "key", "state", "attempts", "tried_at", "status", "error")
        show_table(rows, columns, "nothing was sent")


@webhooks_command.command("enable")
@click.argument("webhook_id", metavar="ID")
@reads_deployment
@in_loop
async def enable(deployment: Deployment, webhook_id: str) -> None:
    """Deliver again, what waits first."""
    async with opened(deployment) as house:
        await deliveries_in(house.database).enable(webhook_id, getpass.getuser())
    say(f"{webhook_id} is enabled")


@webhooks_command.command("disable")
@click.argument("webhook_id", metavar="ID")
@click.option("--reason", required=True, help="Shown to the client.")
@reads_deployment
@in_loop
async def disable(deployment: Deployment, webhook_id: str, reason: str) -> None:
    """Deliver nothing until it is enabled again; what happens meanwhile waits."""
    async with opened(deployment) as house:
        await registry.disable(house.database, webhook_id, who=getpass.getuser(), reason=reason)
    say(f"{webhook_id} is disabled")
