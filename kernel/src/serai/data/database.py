"""The database as one plugin sees it: `serai.context.Database`, filled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import asyncpg
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from serai.data.availability import reaching, using
from serai.data.listener import Callback, Listener, Subscription
from serai.data.wire import CONNECT_LIMIT

_LONGEST_NAME = 63  # NAMEDATALEN - 1: PostgreSQL cuts longer names, in LISTEN but not in NOTIFY


class SchemaDatabase:
    """The process's connections, for the owner of one schema. `close` ends what it listens to."""

    def __init__(self, schema: str, engine: AsyncEngine, pool: asyncpg.Pool, listener: Listener) -> None:
        self.schema = schema
        self._engine = engine
        self._pool = pool
        self._listener = listener
        self._subscriptions: list[Subscription] = []

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[AsyncConnection]:
        """A SQLAlchemy connection, rolled back at the end. Raises `Unavailable` while PostgreSQL is away."""
        with using:
            with reaching:
                connection = await self._engine.connect()
            try:
                yield connection
            finally:
                await connection.close()

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """A SQLAlchemy connection in a transaction. Raises `Unavailable` while PostgreSQL is away."""
        async with self.connect() as connection, connection.begin():
            yield connection

    def raw(self) -> AbstractAsyncContextManager[asyncpg.Connection]:
        """An asyncpg connection; what handing it back does not undo is said at `serai.data.wire.Connection`.

        Raises `Unavailable` while PostgreSQL is away, and when no connection becomes free within 10 s.
        """
        return _Borrowed(self._pool)

    def listen(self, channel: str, callback: Callback) -> None:
        """Call `callback(payload)` for each NOTIFY on `{schema}.{channel}`, one after another.

        Called with None when listening has begun, after a lost connection came back, and when it fell 1,000 payloads
        behind: something may have been missed, so read again. What it raises is logged.
        """
        self._subscriptions.append(self._listener.subscribe(self._channel(channel), callback))

    async def notify(
        self, channel: str, payload: str = "", *, connection: AsyncConnection | asyncpg.Connection | None = None
    ) -> None:
        """NOTIFY `{schema}.{channel}`, at the commit of `connection`'s transaction. At most 7,999 bytes of payload."""
        if isinstance(connection, AsyncConnection):
            await connection.execute(select(func.pg_notify(self._channel(channel), payload)))
        elif connection is not None:
            await connection.execute("select pg_notify($1, $2)", self._channel(channel), payload)
        else:
            async with self.raw() as own:
                await own.execute("select pg_notify($1, $2)", self._channel(channel), payload)

    async def close(self) -> None:
        """End the callbacks: their owner has stopped. The connections are the process's and stay."""
        while self._subscriptions:
            await self._listener.unsubscribe(self._subscriptions.pop())

    def _channel(self, channel: str) -> str:
        name = f"{self.schema}.{channel}"
        if len(name.encode()) > _LONGEST_NAME:
            raise ValueError(f"The channel {name} has more than {_LONGEST_NAME} bytes.")
        return name


class _Borrowed:
    """One connection of the pool, in every hot read's way: three generators in its place would cost 4 us more."""

    __slots__ = ("_connection", "_pool")

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def __aenter__(self) -> asyncpg.Connection:
        with reaching:
            # A limit given to `acquire` itself would be set a second time at the release.
            async with asyncio.timeout(CONNECT_LIMIT):
                self._connection = await self._pool.acquire()
        return self._connection

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        with using:
            # After an error a query may still have to be cancelled, by a server that may hang.
            await self._pool.release(self._connection, timeout=None if error is None else CONNECT_LIMIT)
        using.__exit__(kind, error, trace)
