"""`serai db`: the schemas of the kernel and the plugins."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click
import msgspec

from serai.cli.house import House, opened
from serai.cli.loaded import load_all, load_enabled
from serai.cli.options import as_json, in_loop, reads_deployment
from serai.cli.output import say, show_json, show_table
from serai.config.deployment import Deployment
from serai.data.migrations import KERNEL_LOCATION
from serai.data.tables import SCHEMA
from serai.errors import SeraiError
from serai.hosting.loading import Loaded
from serai.hosting.reports import read_reports


class SchemaRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line of `serai db status --json`."""

    name: str
    state: str
    current: str | None
    head: str | None
    pending: list[str]


@click.group("db")
def db_command() -> None:
    """The schemas of the kernel (`serai`) and the plugins."""


@db_command.command("status")
@click.argument("name", required=False)
@reads_deployment
@as_json
@in_loop
async def status(deployment: Deployment, name: str | None, json_: bool) -> None:
    """Show at which revision each schema is, and what is pending."""
    locations = await _locations(deployment)
    async with opened(deployment) as house:
        names = [name] if name else sorted({*locations, *await house.migrations.names()})
        rows = [await _row(house, each, locations.get(each)) for each in names]
    _show(rows, json_)


@db_command.command("upgrade")
@click.argument("name", required=False)
@click.option("--dry-run", is_flag=True, help="Print the SQL and do nothing.")
@reads_deployment
@as_json
@in_loop
async def upgrade(deployment: Deployment, name: str | None, dry_run: bool, json_: bool) -> None:
    """Apply what is pending, for NAME or for all that are enabled."""
    locations = await _locations(deployment)
    async with opened(deployment) as house:
        chosen = [_known(name, locations)] if name else list(locations)
        for each in chosen:
            if dry_run:
                for planned in await house.migrations.plan(each, locations[each]):
                    click.echo(f"-- {each} {planned.revision.id}: {planned.revision.message}\n{planned.sql}")
                continue
            await house.migrations.upgrade(each, locations[each], export_to=_exports(deployment, each))
        if not dry_run:
            _show([await _row(house, each, locations[each]) for each in chosen], json_)


@db_command.command("downgrade")
@click.argument("name")
@click.option("--to", required=True, help="The revision to go back to; `base` takes every table away.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@reads_deployment
@as_json
@in_loop
async def downgrade(deployment: Deployment, name: str, to: str, yes: bool, json_: bool) -> None:
    """Go back to a revision, from the archived scripts: works when the plugin's wheel is gone. Data may be lost."""
    async with opened(deployment) as house:
        await _refuse_serving(house, name)
        if not yes:
            click.confirm(f"Downgrade the schema of {name} to {to}? What newer revisions hold is lost", abort=True)
        await house.migrations.downgrade(name, to, export_to=_exports(deployment, name))
        locations = await _locations(deployment)
        _show([await _row(house, name, locations.get(name))], json_)


@db_command.command("purge")
@click.argument("name")
@click.option("--export", "export", type=click.Path(path_type=Path), help="Where its tables are exported to first.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@reads_deployment
@as_json
@in_loop
async def purge(deployment: Deployment, name: str, export: Path | None, yes: bool, json_: bool) -> None:
    """Export all data of a plugin, then drop its schema: works when the plugin's wheel is gone."""
    if name == SCHEMA:
        raise SeraiError("the kernel's own schema cannot be purged", hint="Drop the database instead.")
    folder = export or _exports(deployment, name)
    async with opened(deployment) as house:
        await _refuse_serving(house, name)
        if not yes:
            click.confirm(f"Export {name} to {folder} and drop its schema with all data?", abort=True)
        exported = await house.migrations.purge(name, folder)
    if json_:
        show_json({"name": name, "exported_to": str(exported)})
    else:
        say(f"{name} is purged; its data is in {exported}")


@db_command.command("revision")
@click.argument("name")
@click.option("-m", "--message", required=True, help="What it does, in a few words.")
@click.option("--phase", type=click.Choice(["expand", "contract"]), default="expand", show_default=True)
@reads_deployment
@in_loop
async def revision(deployment: Deployment, name: str, message: str, phase: Literal["expand", "contract"]) -> None:
    """Write an empty revision into the migrations folder of a plugin that is installed editable."""
    from serai.data.environment import new_revision

    loaded = await load_enabled(deployment, name)
    if loaded.declared.migrations is None:
        raise SeraiError(f"{name} does not register migrations", hint="Implement the hook register_migrations.")
    click.echo(new_revision(loaded.declared.migrations, name, message, phase))


def _exports(deployment: Deployment, name: str) -> Path:
    """Where the tables of `name` are kept before something is taken away."""
    return deployment.kernel.state_dir.absolute() / "exports" / name


async def _locations(deployment: Deployment) -> dict[str, str]:
    """Where the revisions of the kernel and of every plugin that loads are."""
    found = {SCHEMA: KERNEL_LOCATION}
    for name, plugin in (await load_all(deployment)).items():
        if isinstance(plugin, Loaded) and plugin.declared.migrations is not None:
            found[name] = plugin.declared.migrations
    return found


def _known(name: str, locations: dict[str, str]) -> str:
    if name not in locations:
        raise SeraiError(f"{name} has no migrations here", hint=f"Those that have: {', '.join(locations)}.")
    return name


async def _refuse_serving(house: House, name: str) -> None:
    """A schema is not taken away under a plugin that serves."""
    serving = [report for report in await read_reports(house.database) if report.status.state.serves]
    if name == SCHEMA and serving:
        raise SeraiError("the kernel's schema cannot go back while a kernel runs", hint="Stop every `serai run` first.")
    if any(report.plugin == name for report in serving):
        raise SeraiError(f"{name} is serving", hint=f"Run `serai stop {name}` first.")


async def _row(house: House, name: str, location: str | None) -> SchemaRow:
    status = await house.migrations.status(name, location)
    return SchemaRow(
        name=name,
        state=status.state,
        current=status.current,
        head=status.head,
        pending=[revision.id for revision in status.pending],
    )


def _show(rows: list[SchemaRow], json_: bool) -> None:
    if json_:
        show_json(rows)
    else:
        columns = ("name", "state", "current", "head", "pending")
        show_table([msgspec.structs.asdict(row) for row in rows], columns, "nothing is migrated here")
