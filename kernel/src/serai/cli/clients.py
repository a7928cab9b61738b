"""`serai clients`: the systems and colleagues that call with an API key."""

from __future__ import annotations

import getpass
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import attrs
import click

from serai.cli.client_requests import requests_command
from serai.cli.house import opened
from serai.cli.loaded import known_permissions
from serai.cli.options import Duration, F, as_json, in_loop, in_utc, reads_deployment
from serai.cli.output import say, show_json, show_table
from serai.config.deployment import Deployment
from serai.context import Database
from serai.errors import SeraiError
from serai.identity import api_keys, clients, disclosed, quotas
from serai.identity.profiles import SETTINGS, Profile

_CLEARED: dict[str, Any] = {
    field.name.replace("_", "-"): field.default for field in attrs.fields(Profile) if field.default is not attrs.NOTHING
}
"""Options of `edit` that can be taken back, with what stands in their place."""


def profile_options(command: F) -> F:
    """The options that describe a client; the command gets them under the names of `Profile`."""
    for option in reversed(
        (
            click.option("--owner", help="Who answers for it: an emplid or a team.  [default: you]"),
            click.option("--scope", "scopes", multiple=True, help="A permission that it holds; repeatable."),
            click.option("--person", help="The emplid of the colleague whose own it is."),
            click.option("--purpose", help="Why it reads personal data, in one sentence."),
            click.option(
                "--field",
                "fields",
                multiple=True,
                help="A personal field that it may see at most, or none; repeatable.",
            ),
            click.option("--daily-quota", type=int, help="Requests a day of the company."),
            click.option("--rate", type=float, help="Requests a second.  [default: client_rate]"),
            click.option("--burst", type=int, help="Requests at once.  [default: client_burst]"),
            click.option("--network", "networks", multiple=True, help="Where from it may ask; repeatable."),
            click.option(
                "--expires", "expires_at", type=click.DateTime(("%Y-%m-%d",)), help="The day (UTC) it is refused from."
            ),
        )
    ):
        command = option(command)
    return command


@click.group("clients")
def clients_command() -> None:
    """Systems and colleagues that call with an API key."""


clients_command.add_command(requests_command)


@clients_command.command("add")
@click.argument("name")
@profile_options
@reads_deployment
@as_json
@in_loop
async def add(deployment: Deployment, name: str, json_: bool, **options: Any) -> None:
    """Make a client and show its key, this once."""
    settings = {"owner": getpass.getuser(), "scopes": (), **_given(options)}
    permissions = await known_permissions(deployment)
    async with opened(deployment) as house:
        client, key = await clients.add(house.database, permissions=permissions, name=name, **settings)
    _show_key(client, key, json_)
    if not json_:
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
        columns = ("name", "id", "owner", "scopes", "expires_at", "last_used_at", "suspended_at", "revoked_at")
        show_table(rows, columns, "there are no clients; `serai clients add NAME --scope ...` makes one")


@clients_command.command("show")
@click.argument("name")
@reads_deployment
@as_json
@in_loop
async def show(deployment: Deployment, name: str, json_: bool) -> None:
    """Show one client (its name or id) with its keys, when each was used last, and today's requests."""
    async with opened(deployment) as house:
        client = await clients.find(house.database, name)
        keys = [attrs.asdict(key) for key in await api_keys.list_keys(house.database, client.id)]
        row = {**_row(client), "requests_today": await quotas.used_today(house.database, client.id)}
    if json_:
        show_json({**row, "keys": keys})
        return
    show_table([{"what": what.replace("_", " "), "is": value} for what, value in row.items()], ("what", "is"), "")
    click.echo()
    show_table(keys, ("beginning", "created_at", "expires_at", "last_used_at", "live"), "it has no key yet")


@clients_command.command("edit")
@click.argument("name")
@profile_options
@click.option("--clear", multiple=True, type=click.Choice(sorted(_CLEARED)), help="What it shall not have; repeatable.")
@reads_deployment
@as_json
@in_loop
async def edit(deployment: Deployment, name: str, clear: tuple[str, ...], json_: bool, **options: Any) -> None:
    """Change a client: what is not named stays; a repeatable option replaces the whole list."""
    changes = {**{option.replace("-", "_"): _CLEARED[option] for option in clear}, **_given(options)}
    if not changes:
        raise SeraiError("Nothing was said that should change", hint="see: serai clients edit --help")
    permissions = await known_permissions(deployment)
    await _change(
        deployment,
        json_,
        lambda database: clients.edit(database, name, changes, permissions=permissions),
        "is changed in every process",
    )


@clients_command.command("suspend")
@click.argument("name")
@click.option("--reason", required=True, help="Why: shown with the client.")
@reads_deployment
@as_json
@in_loop
async def suspend(deployment: Deployment, name: str, reason: str, json_: bool) -> None:
    """Refuse a client in every process, at once, until `resume`."""
    by = f"cli:{getpass.getuser()}"
    await _change(
        deployment,
        json_,
        lambda database: clients.suspend(database, name, by=by, reason=reason),
        "is refused until `serai clients resume`",
    )


@clients_command.command("resume")
@click.argument("name")
@reads_deployment
@as_json
@in_loop
async def resume(deployment: Deployment, name: str, json_: bool) -> None:
    """Serve a suspended client again."""
    await _change(deployment, json_, lambda database: clients.resume(database, name), "is served again")


@clients_command.command("rotate")
@click.argument("name")
@click.option("--overlap", type=Duration(), default="7d", show_default=True, help="How long the old key lives on.")
@reads_deployment
@as_json
@in_loop
async def rotate(deployment: Deployment, name: str, overlap: float, json_: bool) -> None:
    """Make a client a new key and show it, this once; the old one ends after the overlap, at once with 0."""
    async with opened(deployment) as house:
        client, key = await clients.rotate(house.database, name, overlap=overlap)
    _show_key(client, key, json_)


@clients_command.command("revoke")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@reads_deployment
@as_json
@in_loop
async def revoke(deployment: Deployment, name: str, yes: bool, json_: bool) -> None:
    """Refuse a client (its name or id) from now on, in every process, for good."""
    if not yes:
        click.confirm(f"Revoke {name}? Its keys cannot be made to work again", abort=True)
    await _change(deployment, json_, lambda database: clients.revoke(database, name), "is refused from now on")


@clients_command.command("access")
@click.argument("name", required=False)
@click.option("--subject", help="Whose personal data was shown: an emplid.")
@click.option("--since", type=click.DateTime(("%Y-%m-%d", "%Y-%m-%dT%H:%M:%S")), help="From then on (UTC).")
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True, help="How many at the most.")
@reads_deployment
@as_json
@in_loop
async def access(
    deployment: Deployment, name: str | None, subject: str | None, since: datetime | None, limit: int, json_: bool
) -> None:
    """Show which personal data a client, or any client, was shown, the newest first."""
    async with opened(deployment) as house:
        client = None if name is None else (await clients.find(house.database, name)).id
        asked = disclosed.Asked(client_id=client, subject=subject, since=in_utc(since))
        rows = [attrs.asdict(one) for one in await disclosed.read(house.database, asked, limit=limit)]
    if json_:
        show_json(rows)
    else:
        columns = ("noted_at", "client", "person", "route", "subjects", "fields", "purpose")
        show_table(rows, columns, "nothing of that kind was shown to anybody")


async def _change(
    deployment: Deployment, json_: bool, change: Callable[[Database], Awaitable[clients.Client]], told: str
) -> None:
    async with opened(deployment) as house:
        client = await change(house.database)
    if json_:
        show_json(_row(client))
    else:
        say(f"client {client.name} ({client.id}) {told}")


def _given(options: dict[str, Any]) -> dict[str, Any]:
    """Those settings that the command line names, as `Profile` takes them."""
    given = {name: options[name] for name in SETTINGS if options.get(name) not in (None, ())}
    if given.get("fields") == ("none",):
        given["fields"] = ()
    if "expires_at" in given:
        given["expires_at"] = in_utc(given["expires_at"])
    return given


def _show_key(client: clients.Client, key: str, json_: bool) -> None:
    if json_:
        show_json({"id": client.id, "key": key})
        return
    click.echo(key)
    say(f"this is the only time that this key of client {client.name} ({client.id}) is shown")


def _row(client: clients.Client) -> dict[str, Any]:
    kept = client.profile
    return {
        "id": client.id,
        **{name: getattr(kept, name) for name in SETTINGS},
        "networks": [str(network) for network in kept.networks],
        "created_at": client.created_at,
        "last_used_at": client.last_used_at,
        "suspended_at": client.suspended_at,
        "suspended_by": client.suspended_by,
        "suspended_reason": client.suspended_reason,
        "revoked_at": client.revoked_at,
    }
