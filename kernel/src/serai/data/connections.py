"""All connections of one process to PostgreSQL, within one budget."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import asyncpg
from sqlalchemy import event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from serai.data import requirements, wire
from serai.data.database import SchemaDatabase
from serai.data.listener import Listener
from serai.errors import SeraiError, Unavailable

_SMALLEST_BUDGET = 3


class Connections:
    """At most `budget` connections: one hears notifications, the rest is shared half and half.

    The halves are SQLAlchemy's (`connect`, `begin`; the larger one of an odd rest) and the asyncpg pool's (`raw`).
    Both are opened when needed, and find back by themselves after PostgreSQL was away.
    """

    def __init__(self, dsn: str, budget: int = 20) -> None:
        if budget < _SMALLEST_BUDGET:
            raise SeraiError(
                f"A process needs at least {_SMALLEST_BUDGET} connections to the database, but its budget is {budget}.",
                hint="raise kernel.database_connections",
            )
        self._dsn = dsn
        self._raw_size = (budget - 1) // 2
        self._engine_size = budget - 1 - self._raw_size
        self._engine: AsyncEngine | None = None
        self._pool: asyncpg.Pool | None = None
        self._listener: Listener | None = None

    async def open(self) -> None:
        """Reach the database and make sure that it does for Serai: raises `SeraiError` where it does not."""
        try:
            first = await self._connect()
        except (OSError, TimeoutError) as error:
            reason = getattr(error, "strerror", None) or f"no answer within {wire.CONNECT_LIMIT:.0f} s"
            raise Unavailable(
                f"The database {self._where()} cannot be reached: {reason}.",
                hint="is the server up, and the URL right?",
            ) from error
        except asyncpg.PostgresError as error:
            raise SeraiError(
                f"The database {self._where()} refuses the connection: {error.args[0]}.", hint="check kernel.database"
            ) from error
        except (ValueError, asyncpg.InterfaceError) as error:
            raise SeraiError(
                "The URL of the database is not one that PostgreSQL knows.",
                hint="expected postgresql://user:password@host/database",
            ) from error
        try:
            await requirements.check(first)
        finally:
            await first.close()
        self._engine = self._make_engine()
        self._pool = await asyncpg.create_pool(self._dsn, min_size=0, max_size=self._raw_size, **wire.OPTIONS)
        self._listener = Listener(self._connect)
        self._listener.start()

    async def close(self) -> None:
        """Close every connection; those in use by then are cut off."""
        if self._listener is not None:
            await self._listener.close()
        if self._engine is not None:
            await self._engine.dispose()
        if self._pool is not None:
            self._pool.terminate()

    def database(self, schema: str) -> SchemaDatabase:
        """The database for the owner of `schema`: a plugin's name, or `serai`. Only while open."""
        if self._engine is None or self._pool is None or self._listener is None:
            raise RuntimeError("Connections.open() comes first.")
        return SchemaDatabase(schema, self._engine, self._pool, self._listener)

    async def _connect(self) -> asyncpg.Connection:
        return await asyncpg.connect(self._dsn, **wire.OPTIONS)

    def _make_engine(self) -> AsyncEngine:
        engine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=self._connect,
            pool_size=self._engine_size,
            max_overflow=0,
            pool_timeout=wire.CONNECT_LIMIT,
            hide_parameters=True,  # values that people entered stay out of errors and logs
        )
        event.listen(engine.sync_engine, "checkout", _replace_closed)
        return engine

    def _where(self) -> str:
        """The database as a person knows it, without the password."""
        parts = urlsplit(self._dsn)
        host = parts.hostname or parse_qs(parts.query).get("host", ["localhost"])[0]
        return f"{parts.path.lstrip('/') or parts.username} on {host}"


def _replace_closed(dbapi_connection: asyncpg.Connection, _record: object, _proxy: object) -> None:
    """Have the pool open another connection instead of one that was lost; unlike a pre-ping it asks nobody."""
    if dbapi_connection.driver_connection.is_closed():
        raise DisconnectionError
