"""`serai doctor`: looks for what keeps a deployment from running."""

from __future__ import annotations

import os
import platform
import socket
import sys
from collections.abc import AsyncIterator
from importlib.metadata import version

import click
import msgspec

from serai.cli.house import opened
from serai.cli.loaded import load_all
from serai.cli.options import as_json, in_loop, reads_deployment
from serai.cli.output import show_json, show_table
from serai.config.deployment import Deployment
from serai.data.embedded import attach
from serai.data.migrations import KERNEL_LOCATION
from serai.data.tables import SCHEMA
from serai.errors import SeraiError
from serai.hosting.binding import bind_devices
from serai.hosting.loading import Loaded


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One line of `serai doctor --json`; `state` is `ok` or `bad`."""

    check: str
    state: str
    detail: str
    hint: str = ""


@click.command("doctor")
@reads_deployment
@as_json
@in_loop
async def doctor_command(deployment: Deployment, json_: bool) -> None:
    """Look for what keeps the deployment from running; exit code 3 where something does."""
    findings = [finding async for finding in _look(deployment)]
    if json_:
        show_json(findings)
    else:
        show_table([msgspec.structs.asdict(each) for each in findings], ("state", "check", "detail", "hint"), "")
    if any(finding.state == "bad" for finding in findings):
        sys.exit(3)


async def _look(deployment: Deployment) -> AsyncIterator[Finding]:
    yield _good("software", f"serai {version('serai')}, Python {platform.python_version()}, {platform.platform()}")
    yield _good("configuration", f"{deployment.document.path} reads well")
    yield _state_dir(deployment)
    yield _listen(deployment)
    for name, plugin in (await load_all(deployment)).items():
        if isinstance(plugin, Loaded):
            yield _good(f"plugin {name}", f"{plugin.declared.version} loads")
        else:
            yield _bad(f"plugin {name}", plugin)
    for device in await bind_devices(deployment):
        if device.reason:
            yield _bad(f"device {device.name}", SeraiError(device.reason))
        else:
            yield _good(f"device {device.name}", f"driver {device.driver_name}")
    async for finding in _database(deployment):
        yield finding


def _state_dir(deployment: Deployment) -> Finding:
    folder = deployment.kernel.state_dir.absolute()
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if not os.access(existing, os.W_OK | os.X_OK):
        hint = "Set kernel.state_dir to a folder that this account may write."
        return _bad("state directory", SeraiError(f"{folder} cannot be written", hint=hint))
    free = os.statvfs(existing)
    gigabytes = free.f_bavail * free.f_frsize / 1e9
    return _good("state directory", f"{folder}, {gigabytes:.1f} GB free")


def _listen(deployment: Deployment) -> Finding:
    """Free, or ours already."""
    address = deployment.kernel.listen
    try:
        with socket.create_server(deployment.kernel.address):
            return _good("listen", f"{address} is free")
    except OSError as error:
        if attach(deployment.kernel.state_dir.absolute()) is not None:
            return _good("listen", f"{address} is in use, and this deployment runs")
        hint = "Stop the program that uses it, or set kernel.listen."
        return _bad("listen", SeraiError(f"{address}: {error.strerror}", hint=hint))


async def _database(deployment: Deployment) -> AsyncIterator[Finding]:
    try:
        async with opened(deployment) as house:
            async with house.database.raw() as connection:
                number = await connection.fetchval("show server_version")
            yield _good("database", f"PostgreSQL {number} answers and is as Serai needs it")
            status = await house.migrations.status(SCHEMA, KERNEL_LOCATION)
            if status.state == "current":
                yield _good("kernel schema", f"at {status.current}")
            else:
                hint = f"Run `serai db upgrade {SCHEMA}`."
                yield _bad("kernel schema", SeraiError(f"{status.state}, at {status.current}", hint=hint))
    except SeraiError as error:
        yield _bad("database", error)


def _good(check: str, detail: str) -> Finding:
    return Finding(check=check, state="ok", detail=detail)


def _bad(check: str, error: SeraiError) -> Finding:
    return Finding(check=check, state="bad", detail=error.sentence, hint=error.hint)
