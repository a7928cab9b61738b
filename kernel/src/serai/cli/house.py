"""Opens a deployment's database for a command, whether the kernel runs or not."""

from __future__ import annotations

import asyncio
import getpass
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs

from serai.cli.output import say
from serai.config.deployment import Deployment
from serai.context import Database, Principal
from serai.data.connections import Connections
from serai.data.embedded import EmbeddedServer, attach
from serai.data.migrations import KERNEL_LOCATION, Migrations
from serai.data.tables import SCHEMA
from serai.identity.audit import acting
from serai.supervisor.state_dir import InUse, locked

CONNECTIONS = 4
"""What a command takes of the database's connections."""
STARTING = 60.0
"""Seconds that another process has to start the embedded PostgreSQL before a command gives up."""


@attrs.frozen(kw_only=True)
class House:
    """A deployment with its database open."""

    deployment: Deployment
    connections: Connections
    database: Database
    """The kernel's own schema."""
    migrations: Migrations


@asynccontextmanager
async def opened(deployment: Deployment) -> AsyncIterator[House]:
    """Open the deployment's database; an embedded one that does not run is started for as long as it takes.

    What is done in it is done by the account that runs the command.
    """
    account = getpass.getuser()
    acting.set(Principal(kind="operator", id=f"cli:{account}", name=account))
    async with _dsn(deployment) as dsn:
        connections = Connections(dsn, CONNECTIONS)
        await connections.open()
        try:
            migrations = Migrations(connections)
            if (await migrations.status(SCHEMA, KERNEL_LOCATION)).state == "empty":
                await migrations.upgrade(SCHEMA, KERNEL_LOCATION)
            yield House(
                deployment=deployment,
                connections=connections,
                database=connections.database(SCHEMA),
                migrations=migrations,
            )
        finally:
            await connections.close()


@asynccontextmanager
async def _dsn(deployment: Deployment) -> AsyncIterator[str]:
    configured = deployment.kernel.database.reveal()
    if configured != "embedded":
        yield configured
        return
    state_dir = deployment.kernel.state_dir.absolute()
    deadline = time.monotonic() + STARTING
    while True:
        running = attach(state_dir)
        if running is not None:
            yield running
            return
        try:
            async with locked(state_dir, say), _started(state_dir) as dsn:
                yield dsn
            return
        except InUse:
            # Its holder is starting the server, or has just stopped it.
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.1)


@asynccontextmanager
async def _started(state_dir: Path) -> AsyncIterator[str]:
    server = EmbeddedServer(state_dir, say)
    await server.start()
    try:
        yield server.dsn
    finally:
        await server.stop()
