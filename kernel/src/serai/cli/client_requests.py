"""`serai clients requests`: who asks for a client, who decides, and how the key is taken."""

from __future__ import annotations

import getpass
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import attrs
import click

from serai.cli.house import opened
from serai.cli.loaded import known_permissions
from serai.cli.options import as_json, in_loop, in_utc, reads_deployment
from serai.cli.output import say, show_json, show_table
from serai.config.deployment import Deployment
from serai.context import Database
from serai.identity import requests
from serai.identity.requests import Request, Someone

_MOST = 1000


@click.group("requests")
def requests_command() -> None:
    """Requests for a client and its key."""


@requests_command.command("list")
@click.option("--state", type=click.Choice(["waiting", "approved", "refused", "claimed"]), help="Only these.")
@reads_deployment
@as_json
@in_loop
async def list_(deployment: Deployment, state: str | None, json_: bool) -> None:
    """Show the requests, the newest first."""
    async with opened(deployment) as house:
        rows = [_row(request) for request in await requests.read(house.database, None, state=state, limit=_MOST)]
    if json_:
        show_json(rows)
    else:
        columns = (
            "id",
            "state",
            "name",
            "owner",
            "person",
            "scopes",
            "purpose",
            "requested_by",
            "endorsed_by",
            "reason",
        )
        show_table(rows, columns, "there are no requests")


@requests_command.command("ask")
@click.argument("name")
@click.option("--owner", required=True, help="Who will answer for it: an emplid or a team.")
@click.option("--scope", "scopes", multiple=True, required=True, help="A permission that it needs; repeatable.")
@click.option("--purpose", required=True, help="What for, in one sentence.")
@click.option("--person", help="The emplid of the colleague whose own it will be.")
@click.option("--expires", "expires_at", type=click.DateTime(("%Y-%m-%d",)), help="The day (UTC) it is refused from.")
@reads_deployment
@as_json
@in_loop
async def ask(deployment: Deployment, expires_at: datetime | None, json_: bool, **asked: Any) -> None:
    """Ask for a client; shows the secret that takes its key once it is approved."""
    permissions = await known_permissions(deployment)
    async with opened(deployment) as house:
        request, secret = await requests.ask(
            house.database, _me(), permissions=permissions, expires_at=in_utc(expires_at), **asked
        )
    if json_:
        show_json({"id": request.id, "claim_secret": secret})
        return
    click.echo(secret)
    say(f"request {request.id} waits; once approved: serai clients requests claim {request.id} SECRET")


@requests_command.command("approve")
@click.argument("number", type=click.IntRange(min=1))
@click.option("--reason", required=True, help="Why: kept with the request.")
@reads_deployment
@as_json
@in_loop
async def approve(deployment: Deployment, number: int, reason: str, json_: bool) -> None:
    """Make the client that somebody else asked for."""
    await _decide(deployment, json_, lambda database: requests.approve(database, number, _me(), reason=reason))


@requests_command.command("refuse")
@click.argument("number", type=click.IntRange(min=1))
@click.option("--reason", required=True, help="Why: shown to who asked.")
@reads_deployment
@as_json
@in_loop
async def refuse(deployment: Deployment, number: int, reason: str, json_: bool) -> None:
    """Refuse a request."""
    await _decide(deployment, json_, lambda database: requests.refuse(database, number, _me(), reason=reason))


@requests_command.command("claim")
@click.argument("number", type=click.IntRange(min=1))
@click.argument("secret")
@reads_deployment
@as_json
@in_loop
async def claim(deployment: Deployment, number: int, secret: str, json_: bool) -> None:
    """Take the key of an approved request, once, within seven days."""
    async with opened(deployment) as house:
        request, key = await requests.claim(house.database, number, secret)
    if json_:
        show_json({"id": request.client_id, "key": key})
        return
    click.echo(key)
    say(f"this is the only time that the key of client {request.name} is shown")


async def _decide(deployment: Deployment, json_: bool, decide: Callable[[Database], Awaitable[Request]]) -> None:
    async with opened(deployment) as house:
        request = await decide(house.database)
    if json_:
        show_json(_row(request))
    else:
        say(f"request {request.id} for {request.name} is {request.state}")


def _me() -> Someone:
    return Someone(id=f"cli:{getpass.getuser()}")


def _row(request: Request) -> dict[str, Any]:
    return attrs.asdict(request, filter=lambda attribute, _: attribute.name not in ("claim_digest", "requester_person"))
