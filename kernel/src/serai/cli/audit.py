"""`serai audit`: who did what, and the proof that nobody has changed the record of it."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import click

from serai.cli.house import opened
from serai.cli.options import as_json, in_loop, names_file, reads_deployment
from serai.cli.output import say, show_json, show_table
from serai.config.deployment import Deployment, read
from serai.errors import SeraiError
from serai.identity import audit, seals
from serai.identity.seals import Seal


@click.group("audit", invoke_without_command=True)
@names_file
@click.option("--since", type=click.DateTime(("%Y-%m-%d", "%Y-%m-%dT%H:%M:%S")), help="From this moment on, UTC.")
@click.option("--action", help="Of this action or those below it: isapi.unmask, kernel.client.")
@click.option("--subject", help="Done to this person or thing.")
@click.option("--who", help="Done by this client (name or id), colleague (emplid) or account (cli:NAME).")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
@as_json
@click.pass_context
def audit_command(context: click.Context, /, config: Path, **options: Any) -> None:
    """Show who did what, the newest first; or verify the log."""
    if context.invoked_subcommand is None:
        _list(deployment=read(config), **options)


@in_loop
async def _list(
    deployment: Deployment,
    since: datetime | None,
    action: str | None,
    subject: str | None,
    who: str | None,
    limit: int,
    json_: bool,
) -> None:
    async with opened(deployment) as house:
        found = await audit.entries(
            house.database,
            since=since.replace(tzinfo=UTC) if since else None,
            action=action,
            subject=subject,
            who=who,
            limit=limit,
        )
    rows = [attrs.asdict(entry) for entry in found]
    if json_:
        show_json(rows)
    else:
        columns = ("id", "at", "action", "who_name", "person", "subject", "before", "after", "reason")
        show_table(rows, columns, "nothing of the kind was done here")


@audit_command.command("verify")
@click.option("--seal", "noted", help="A seal that was noted elsewhere, POSITION:HASH: it must be in the chain.")
@reads_deployment
@as_json
@in_loop
async def verify(deployment: Deployment, noted: str | None, json_: bool) -> None:
    """Prove that no sealed row was changed or removed; exit code 3, and the first such row, where one was."""
    expected = None if noted is None else _seal(noted)
    async with opened(deployment) as house:
        verdict = await seals.verify(house.database, expected)
    if json_:
        show_json({"seal": str(verdict.head), "unsealed": verdict.unsealed, "fault": verdict.fault})
    elif verdict.fault is None:
        click.echo(f"{verdict.head.position} rows are as they were sealed; {verdict.unsealed} wait for their seal")
        say(f"the newest seal, to be noted elsewhere: {verdict.head}")
    else:
        click.echo(f"the audit log was tampered with: {verdict.fault}")
    if verdict.fault is not None:
        sys.exit(3)


def _seal(text: str) -> Seal:
    position, _, digits = text.partition(":")
    try:
        return Seal(int(position), bytes.fromhex(digits))
    except ValueError:
        raise SeraiError(
            f"{text!r} is no seal", hint="Write POSITION:HASH, as `serai audit verify` prints it."
        ) from None
