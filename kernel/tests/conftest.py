"""Fixtures that several test files share."""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.schema import CreateSchema

import serai.devices.tables
import serai.hosting.tables
import serai.identity.kept_tables
import serai.identity.tables
import serai.webhooks.tables
import serai.work.tables  # noqa: F401  # their tables are to be made
from serai.context import Database
from serai.data.connections import Connections
from serai.data.tables import metadata

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode leaves the helpers' folder out

from small_kernel import identity_database, small_kernel

__all__ = ["eventually", "identity_database", "kernel_database", "small_kernel"]


@pytest.fixture
async def kernel_database(database_url: str) -> AsyncIterator[Database]:
    """The kernel's own database: its schema, with all its tables."""
    connections = Connections(database_url, budget=13)
    await connections.open()
    database = connections.database("serai")
    async with database.begin() as connection:  # quicker than the revisions; that they make the same is tested
        await connection.execute(CreateSchema("serai"))
        await connection.run_sync(metadata.create_all)
        for revision, statements in (("0006_feed", "NUMBERING"), ("0009_audit", "GUARDS")):
            for statement in getattr(import_module(f"serai.data.kernel_migrations.{revision}"), statements):
                await connection.execute(text(statement))
        for statement in import_module("serai.data.kernel_migrations.0007_queue").PGQUEUER:
            await connection.exec_driver_sql(statement)
    yield database
    await database.close()
    await connections.close()


@pytest.fixture
def eventually() -> Callable[..., Awaitable[Any]]:
    """Ask until the answer is true and return it; fail after some seconds."""

    async def ask(question: Callable[[], Any], within: float = 15.0) -> Any:
        async with asyncio.timeout(within):
            while True:
                answer = question()
                if inspect.isawaitable(answer):
                    answer = await answer
                if answer:
                    return answer
                await asyncio.sleep(0.01)

    return ask
