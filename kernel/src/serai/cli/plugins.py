"""`serai status | start | stop | restart`, for people with the habits of supervisorctl."""

from __future__ import annotations

import asyncio
import getpass
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

import click
import msgspec

from serai.cli.house import House, opened
from serai.cli.options import as_json, in_loop, reads_deployment
from serai.cli.output import say, show_json, show_table
from serai.config.deployment import Deployment
from serai.errors import SeraiError
from serai.hosting.entry_points import PLUGINS, installed
from serai.hosting.overrides import ask_restart, read_overrides, set_stopped
from serai.hosting.reports import PluginReport, read_reports, together
from serai.hosting.states import Code, State


class PluginRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line of `serai status --json`."""

    name: str
    version: str
    state: str
    since: datetime | None
    reason_code: str
    reason: str
    hint: str


@click.command("status")
@click.argument("name", required=False)
@reads_deployment
@as_json
@in_loop
async def status_command(deployment: Deployment, name: str | None, json_: bool) -> None:
    """Show the plugins: of several processes the worst state is shown. Exit code 3 where one does not serve."""
    async with opened(deployment) as house:
        rows = await _rows(house)
    if name is not None:
        rows = [row for row in rows if row.name == _enabled(deployment, name)[0]]
    _show(rows, json_)
    if any(not State(row.state).serves for row in rows):
        raise SystemExit(3)


@click.command("start")
@click.argument("name")
@reads_deployment
@as_json
@in_loop
async def start_command(deployment: Deployment, name: str, json_: bool) -> None:
    """Let a plugin that was stopped serve again (NAME or `all`)."""

    async def start(house: House, plugin: str) -> None:
        await set_stopped(house.database, plugin, stopped=False, who=getpass.getuser(), why="")

    await _act(deployment, name, start, lambda report, _: report.status.state is not State.STOPPED, json_)


@click.command("stop")
@click.argument("name")
@click.option("--why", default="", help="Shown to whoever looks at the plugin while it is stopped.")
@reads_deployment
@as_json
@in_loop
async def stop_command(deployment: Deployment, name: str, why: str, json_: bool) -> None:
    """Drain and stop a plugin until `serai start` (NAME or `all`); what requires it waits."""

    async def stop(house: House, plugin: str) -> None:
        await set_stopped(house.database, plugin, stopped=True, who=getpass.getuser(), why=why)

    await _act(deployment, name, stop, lambda report, _: not report.status.state.serves, json_)


@click.command("restart")
@click.argument("name")
@click.option("--why", default="", help="Shown while it is stopped.")
@reads_deployment
@as_json
@in_loop
async def restart_command(deployment: Deployment, name: str, why: str, json_: bool) -> None:
    """Drain a plugin and start it again, also one that failed or is blocked (NAME or `all`)."""

    async def restart(house: House, plugin: str) -> None:
        await ask_restart(house.database, plugin, who=getpass.getuser(), why=why)

    await _act(deployment, name, restart, lambda report, asked: report.restart >= asked, json_)


async def _act(
    deployment: Deployment,
    name: str,
    act: Callable[[House, str], Awaitable[None]],
    reached: Callable[[PluginReport, int], bool],
    json_: bool,
) -> None:
    """Write what is wanted and wait until every process has it so, or tell that it takes longer."""
    names = _enabled(deployment, name)
    async with opened(deployment) as house:
        for plugin in names:
            await act(house, plugin)
        limit = deployment.kernel.start_timeout + deployment.kernel.stop_grace + 5.0
        if not await _reached(house, names, reached, limit):
            say(f"it takes longer than {limit:g} s; `serai status` shows how it goes")
        rows = [row for row in await _rows(house) if row.name in names]
    _show(rows, json_)


async def _reached(
    house: House, names: Sequence[str], reached: Callable[[PluginReport, int], bool], limit: float
) -> bool:
    deadline = time.monotonic() + limit
    asked = {name: override.restart for name, override in (await read_overrides(house.database)).items()}
    while time.monotonic() < deadline:
        reports = [report for report in await read_reports(house.database) if report.plugin in names]
        if not reports:
            say("no kernel process runs: this takes effect when one starts")
            return True
        if all(report.status.state.settled and reached(report, asked.get(report.plugin, 0)) for report in reports):
            return True
        await asyncio.sleep(0.1)
    return False


def _enabled(deployment: Deployment, name: str) -> list[str]:
    """The plugins that a NAME argument means. Raises `SeraiError` for one that is not enabled."""
    names = sorted(deployment.kernel.plugins)
    if name == "all":
        return names
    if name not in names:
        raise SeraiError(
            f"{name} is not enabled in {deployment.document.path}; enabled are {', '.join(names) or 'none'}",
            hint="What is enabled is the file's word alone: add it to kernel.plugins.",
        )
    return [name]


async def _rows(house: House) -> list[PluginRow]:
    reports = together(await read_reports(house.database))
    versions = installed(PLUGINS)
    rows = []
    for name in sorted(house.deployment.kernel.plugins):
        report = reports.get(name)
        if report is None:
            rows.append(
                PluginRow(
                    name=name,
                    version=versions[name].version if name in versions else "",
                    state=str(State.STOPPED),
                    since=None,
                    reason_code=str(Code.NO_PROCESS),
                    reason="no kernel process runs for this deployment",
                    hint="Start it with `serai run -c FILE`.",
                )
            )
            continue
        status = report.status
        rows.append(
            PluginRow(
                name=name,
                version=report.version,
                state=str(status.state),
                since=status.since.astimezone(UTC),
                reason_code=str(status.code),
                reason=status.reason,
                hint=status.hint,
            )
        )
    return rows


def _show(rows: Sequence[PluginRow], json_: bool) -> None:
    if json_:
        show_json(rows)
    else:
        columns = ("name", "version", "state", "since", "reason", "hint")
        show_table([msgspec.structs.asdict(row) for row in rows], columns, "no plugin is enabled")
