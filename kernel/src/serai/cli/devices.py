"""`serai devices`: what the deployment is connected to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from serai.cli.house import opened
from serai.cli.options import as_json, in_loop, names_file, reads_deployment
from serai.cli.output import say, show_json, show_table
from serai.config.deployment import Deployment, read
from serai.devices.house import RETRY
from serai.errors import SeraiError
from serai.hosting.reports import ALIVE

_ROWS = """
    select d.device as name, d.kind, d.driver, p.host, p.pid, d.state, d.since, d.reason, d.hint
    from serai.device_state d join serai.process p on p.id = d.process_id
    where p.heartbeat_at > now() - make_interval(secs => $1)
    order by d.device, p.host, p.pid
"""


@click.group("devices", invoke_without_command=True)
@names_file
@as_json
@click.pass_context
def devices_command(context: click.Context, config: Path, json_: bool) -> None:
    """Show the devices as each process has them; one that no process reports is `unknown`."""
    if context.invoked_subcommand is None:
        _list(deployment=read(config), json_=json_)


@devices_command.command("retry")
@click.argument("name")
@reads_deployment
@in_loop
async def retry(deployment: Deployment, name: str) -> None:
    """Let every process try at once to connect the device NAME."""
    if name not in deployment.devices:
        known = ", ".join(sorted(deployment.devices)) or "none"
        raise SeraiError(f"There is no device {name!r}; configured are: {known}")
    async with opened(deployment) as house, house.database.raw() as connection:
        await house.database.notify(RETRY, name, connection=connection)
    say(f"{name} is tried again; `serai devices` shows how it goes")


@in_loop
async def _list(deployment: Deployment, json_: bool) -> None:
    async with opened(deployment) as house, house.database.raw() as connection:
        rows: list[dict[str, Any]] = [dict(row) for row in await connection.fetch(_ROWS, ALIVE)]
    reported = {row["name"] for row in rows}
    for name, table in deployment.devices.items():
        if name not in reported:
            rows.append(
                dict.fromkeys(("kind", "host", "pid", "since", "hint"))
                | {"name": name, "driver": table.driver, "state": "unknown", "reason": "no kernel process reports it"}
            )
    if json_:
        show_json(rows)
    else:
        columns = ("name", "kind", "driver", "state", "since", "reason", "host", "pid")
        show_table(rows, columns, "this deployment has no devices")
