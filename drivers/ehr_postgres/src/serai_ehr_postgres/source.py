"""The source itself: read-only readings of one snapshot, through server-side cursors."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from zoneinfo import ZoneInfo

import asyncpg
import attrs
from asyncpg.transaction import Transaction

from serai import Link, PluginError, SeraiError
from serai_ehr import Changed, Row, View, ViewFault
from serai_ehr.conversion import Steps, conversion, day, whole, zoned
from serai_ehr.found import refusal
from serai_ehr_postgres import catalogue
from serai_ehr_postgres.catalogue import FoundView, Names
from serai_ehr_postgres.selection import selection
from serai_ehr_postgres.trouble import LOST, explained

ACQUIRE_TIMEOUT = 15.0
"""Seconds to wait for a connection."""


@attrs.define(eq=False)
class PostgresReading:
    """One transaction: all views as of its beginning."""

    clock: datetime
    _device: str
    _connection: asyncpg.Connection
    _found: dict[View, FoundView]
    _names: Names
    _zone: ZoneInfo
    _most: int
    _over: bool = False

    async def batches(
        self, view: View, *, size: int = 1000, changed: Changed | None = None
    ) -> AsyncIterator[list[Row]]:
        """The rows of the view; never more than the setting `batch` at a time."""
        found = self._checked(view)
        query, parameters = selection(view, found, self._zone, changed)
        convert = conversion(view, found.columns, _steps(self._zone))
        with explained(self._device, f"reading {view.name}"):
            cursor = await self._connection.cursor(query, *parameters)
        while True:
            self._refuse_when_over()
            with explained(self._device, f"reading {view.name}"):
                records = await cursor.fetch(min(size, self._most))
            if not records:
                return
            yield [convert(record) for record in records]

    def close(self) -> None:
        """Refuse to read on."""
        self._over = True

    def _checked(self, view: View) -> FoundView:
        self._refuse_when_over()
        found = self._found.get(view)
        faults = catalogue.faults_of(view, found, self._names[view])
        if found is None or faults:
            raise refusal(self._device, faults[0])
        return found

    def _refuse_when_over(self) -> None:
        if self._over:
            raise PluginError("the reading is over", hint="read within `async with source.open()`")


class PostgresSource:
    """Views in a PostgreSQL as a source of the kind `ehr`."""

    def __init__(self, pool: asyncpg.Pool, names: Names, zone: ZoneInfo, most: int, link: Link) -> None:
        self._pool = pool
        self._names = names
        self._zone = zone
        self._most = most
        self._link = link

    async def check(self) -> list[ViewFault]:
        """Compare the views with what was agreed, by the database's catalogue; reads no row."""
        async with self._connection() as connection:
            with explained(self._link.name, "reading the catalogue"):
                found = await catalogue.look_up(connection, self._names)
        return catalogue.faults(found, self._names)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[PostgresReading]:
        """Begin a read-only, repeatable-read transaction; rolled back at the end."""
        async with self._connection() as connection:
            transaction = connection.transaction(isolation="repeatable_read", readonly=True)
            try:
                reading = await self._begin(connection, transaction)
                try:
                    yield reading
                finally:
                    reading.close()
            finally:
                with suppress(asyncpg.PostgresError, *LOST):
                    await transaction.rollback()

    async def _begin(self, connection: asyncpg.Connection, transaction: Transaction) -> PostgresReading:
        with explained(self._link.name, "beginning a reading"):
            await transaction.start()
            clock = await connection.fetchval("select now()")
            found = await catalogue.look_up(connection, self._names)
        return PostgresReading(clock, self._link.name, connection, found, self._names, self._zone, self._most)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[asyncpg.Connection]:
        try:
            with explained(self._link.name, "connecting"):
                connection = await self._pool.acquire(timeout=ACQUIRE_TIMEOUT)
        except SeraiError as error:
            self._link.lost(error.sentence)
            raise
        try:
            yield connection
        finally:
            with suppress(asyncpg.PostgresError, *LOST):  # the pool has thrown a broken one away by then
                await self._pool.release(connection)


def _steps(zone: ZoneInfo) -> Steps:
    return {("integer", "numeric"): whole, ("date", "timestamp"): day, ("timestamp", "timestamp"): zoned(zone)}
