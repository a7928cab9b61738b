"""`serai run`."""

from __future__ import annotations

import click

from serai.cli.options import in_loop, reads_deployment
from serai.cli.output import say
from serai.config.deployment import Deployment


@click.command("run")
@reads_deployment
@click.option("--workers", type=click.IntRange(1, 64), help="Worker processes; else kernel.workers.")
@in_loop
async def run_command(deployment: Deployment, workers: int | None) -> None:
    """Serve the deployment until Ctrl-C or SIGTERM; SIGHUP brings new workers and drains the old ones."""
    from serai.supervisor import Supervisor

    await Supervisor(deployment, workers=workers, show=say).run()
