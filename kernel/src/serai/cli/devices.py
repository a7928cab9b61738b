"""`serai devices`."""

from __future__ import annotations

from typing import Any

import click

from serai.cli.house import opened
from serai.cli.options import as_json, in_loop, reads_deployment
from serai.cli.output import show_json, show_table
from serai.config.deployment import Deployment
from serai.hosting.reports import ALIVE

_ROWS = """
    select d.device as name, d.kind, d.driver, p.host, p.pid, d.state, d.since, d.reason, d.hint
    from serai.device_state d join serai.process p on p.id = d.process_id
    where p.heartbeat_at > now() - make_interval(secs => $1)
    order by d.device, p.host, p.pid
"""


@click.command("devices")
@reads_deployment
@as_json
@in_loop
async def devices_command(deployment: Deployment, json_: bool) -> None:
    """Show the devices as each process has them; one that no process reports is `unknown`."""
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
