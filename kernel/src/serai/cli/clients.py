"""`serai clients`: the systems that call with an API key."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any

import click

from serai.cli.house import opened
from serai.cli.loaded import known_permissions
from serai.cli.options import as_json, in_loop, reads_deployment
from serai.cli.output import say, show_json, show_table
from serai.config.deployment import Deployment
from serai.errors import SeraiError
from serai.identity import clients


@click.group("clients")
def clients_command() -> None:
    """Systems that call with an API key."""


@clients_command.command("add")
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, help="A permission that it holds, such as isapi:read; repeatable.")
@click.option("--owner", default=getpass.getuser, help="Who answers for it.  [default: you]")
@click.option("--expires", type=click.DateTime(("%Y-%m-%d",)), help="The day (UTC) from which its key is refused.")
@click.option("--network", "networks", multiple=True, help="Where from it may ask, such as 10.1.0.0/16; repeatable.")
@reads_deployment
@as_json
@in_loop
async def add(
    deployment: Deployment,
    name: str,
    scopes: tuple[str, ...],
    owner: str,
    expires: datetime | None,
    networks: tuple[str, ...],
    json_: bool,
) -> None:
    """Make a client and show its key, this once."""
    clients.require_known(scopes, await known_permissions(deployment))
    try:
        allowed = [ip_network(text) for text in networks]
    except ValueError as error:
        raise SeraiError(f"--network {error}", hint="Write a network such as 10.1.0.0/16 or an address.") from None
    async with opened(deployment) as house:
        client, key = await clients.add(
            house.database,
            name=name,
            owner=owner,
            scopes=scopes,
            expires_at=expires.replace(tzinfo=UTC) if expires else None,
            networks=allowed,
        )
    if json_:
        show_json({"id": client.id, "key": key})
        return
    click.echo(key)
    say(f"client {client.name} ({client.id}) made; this is the only time that its key is shown")
    say(f"use it as: curl -H 'Authorization: Bearer KEY' http://{deployment.kernel.listen}/")


@clients_command.command("list")
@reads_deployment
@as_json
@in_loop
async def list_(deployment: Deployment, json_: bool) -> None:
    """Show all clients, the revoked ones too; never a key."""
    async with opened(deployment) as house:
        rows = [_row(client) for client in await clients.list_clients(house.database)]
    if json_:
        show_json(rows)
    else:
        columns = ("name", "id", "owner", "scopes", "networks", "expires_at", "last_used_at", "revoked_at")
        show_table(rows, columns, "there are no clients; `serai clients add NAME --scope ...` makes one")


@clients_command.command("revoke")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@reads_deployment
@as_json
@in_loop
async def revoke(deployment: Deployment, name: str, yes: bool, json_: bool) -> None:
    """Refuse a client (its name or id) from now on, in every process, for good."""
    if not yes:
        click.confirm(f"Revoke {name}? Its key cannot be made to work again", abort=True)
    async with opened(deployment) as house:
        client = await clients.revoke(house.database, name)
    if json_:
        show_json(_row(client))
    else:
        say(f"client {client.name} ({client.id}) is refused from now on")


def _row(client: clients.Client) -> dict[str, Any]:
    return {
        "id": client.id,
        "name": client.name,
        "owner": client.owner,
        "scopes": list(client.scopes),
        "networks": [str(network) for network in client.networks],
        "created_at": client.created_at,
        "expires_at": client.expires_at,
        "last_used_at": client.last_used_at,
        "revoked_at": client.revoked_at,
    }
