"""The source itself: readings in a read-only transaction, fetched in arrays."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import attrs
import oracledb

from serai import Link, PluginError, SeraiError
from serai_ehr import VIEWS, Changed, Row, View, ViewFault
from serai_ehr.conversion import Steps, conversion, day, whole, zoned
from serai_ehr.found import refusal
from serai_ehr_oracle.catalogue import LOCAL, ZONED, Places, look_up
from serai_ehr_oracle.selection import Selection, selection
from serai_ehr_oracle.session import Access
from serai_ehr_oracle.trouble import explained


@attrs.define(eq=False)
class OracleReading:
    """One transaction: all views as of its beginning."""

    clock: datetime
    _device: str
    _connection: oracledb.AsyncConnection
    _places: Places
    _zone: ZoneInfo
    _arraysize: int
    _over: bool = False

    async def batches(
        self, view: View, *, size: int = 1000, changed: Changed | None = None
    ) -> AsyncIterator[list[Row]]:
        """The rows of the view; however many are asked for, `arraysize` of them travel at once."""
        self._refuse_when_over()
        doing = f"reading {view.name}"
        with explained(self._device, doing):
            found, faults = await look_up(self._connection, view, self._places[view])
        if faults:
            raise refusal(self._device, faults[0])
        convert = conversion(view, found, _steps(self._zone))
        with self._connection.cursor() as cursor:
            with explained(self._device, doing):
                await self._execute(cursor, selection(view, self._places[view], found, self._zone, changed))
            while True:
                self._refuse_when_over()
                with explained(self._device, doing):
                    records = await cursor.fetchmany(size)
                if not records:
                    return
                yield [convert(record) for record in records]

    async def _execute(self, cursor: oracledb.AsyncCursor, wanted: Selection) -> None:
        cursor.arraysize = cursor.prefetchrows = self._arraysize
        cursor.setinputsizes(**wanted.types)
        await cursor.execute(wanted.sql, wanted.values, fetch_lobs=False)

    def close(self) -> None:
        """Refuse to read on."""
        self._over = True

    def _refuse_when_over(self) -> None:
        if self._over:
            raise PluginError("the reading is over", hint="read within `async with source.open()`")


class OracleSource:
    """Views in an Oracle database as a source of the kind `ehr`."""

    def __init__(self, access: Access, places: Places, zone: ZoneInfo, arraysize: int, link: Link) -> None:
        self._access = access
        self._places = places
        self._zone = zone
        self._arraysize = arraysize
        self._link = link

    async def check(self) -> list[ViewFault]:
        """Compare the views with what was agreed; reads no row."""
        faults: list[ViewFault] = []
        async with self._session() as connection:
            for view in VIEWS:
                with explained(self._link.name, f"looking at {view.name}"):
                    faults += (await look_up(connection, view, self._places[view]))[1]
        return faults

    @asynccontextmanager
    async def open(self) -> AsyncIterator[OracleReading]:
        """Begin a read-only transaction; it ends with its session."""
        async with self._session() as connection:
            with explained(self._link.name, "beginning a reading"):
                clock = await _clock(connection)  # before the transaction: what is stamped later may be missing in it
                await connection.execute("set transaction read only")
            reading = OracleReading(clock, self._link.name, connection, self._places, self._zone, self._arraysize)
            try:
                yield reading
            finally:
                reading.close()

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[oracledb.AsyncConnection]:
        async with AsyncExitStack() as stack:
            try:
                connection = await stack.enter_async_context(self._access.session())
            except SeraiError as error:
                self._link.lost(error.sentence)
                raise
            yield connection


async def _clock(connection: oracledb.AsyncConnection) -> datetime:
    """The server's own clock; of moments with a zone the client would read the offset, but not a name."""
    row = await connection.fetchone("select sys_extract_utc(systimestamp) from dual")
    clock: datetime = row[0]
    return clock.replace(tzinfo=UTC)


def _steps(zone: ZoneInfo) -> Steps:
    return {
        ("integer", "NUMBER"): whole,
        **{("date", type_): day for type_ in LOCAL},
        **{("timestamp", type_): zoned(zone) for type_ in LOCAL},
        **{("timestamp", type_): zoned(UTC) for type_ in ZONED},
    }
