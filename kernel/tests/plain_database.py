"""A `Database` for tests that need the kernel's tables only: one SQLAlchemy engine, one listening connection."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from sqlalchemy import Table, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from serai.data.tables import metadata
from serai.errors import Unavailable


class PlainDatabase:
    schema = "serai"

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self._engine = create_async_engine(
            "postgresql+asyncpg://", async_creator=self._connect, pool_pre_ping=True, pool_size=6, hide_parameters=True
        )
        self._listener: asyncpg.Connection | None = None
        self._callbacks: dict[str, list[Callable[[str | None], Any]]] = {}

    async def _connect(self) -> asyncpg.Connection:
        try:
            return await asyncpg.connect(self.dsn)
        except (OSError, asyncpg.PostgresError) as error:
            raise Unavailable("The database cannot be reached") from error

    async def open(self, *tables: Table) -> None:
        async with self.begin() as connection:
            await connection.execute(text("create schema if not exists serai"))
            await connection.run_sync(metadata.create_all, tables=tables)
        self._listener = await self._connect()

    async def listening(self) -> None:
        assert self._listener
        for channel in self._callbacks:
            await self._listener.add_listener(f"serai.{channel}", self._heard)

    def _heard(self, _connection: Any, _pid: int, channel: str, payload: str) -> None:
        for callback in self._callbacks[channel.partition(".")[2]]:
            callback(payload)

    async def close(self) -> None:
        if self._listener:
            await self._listener.close()
        await self._engine.dispose()

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[AsyncConnection]:
        async with self._engine.connect() as connection:
            yield connection

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        async with self._engine.begin() as connection:
            yield connection

    @asynccontextmanager
    async def raw(self) -> AsyncIterator[asyncpg.Connection]:
        connection = await self._connect()
        try:
            yield connection
        finally:
            await connection.close()

    def listen(self, channel: str, callback: Callable[[str | None], Awaitable[None] | None]) -> None:
        self._callbacks.setdefault(channel, []).append(callback)

    async def notify(self, channel: str, payload: str = "", *, connection: Any = None) -> None:
        statement = text("select pg_notify(:channel, :payload)")
        values = {"channel": f"serai.{channel}", "payload": payload}
        if connection is not None:
            await connection.execute(statement, values)
            return
        async with self.begin() as own:
            await own.execute(statement, values)
