"""`Disclosures`: who was shown whose personal data, and what for.

Whoever encodes an answer calls `note` once for it, with the people whose personal fields it shows in clear; an answer
that shows none is not noted. Rows wait in memory for at most a second, are copied to `serai.disclosure`, and are all
written when the process stops in order; a process that is killed loses those of its last second, and a connection that
is lost at the wrong moment may write some twice. Where they cannot be written for so long that too many wait, `note`
refuses: what cannot be noted is not shown.

The table has a partition a month (UTC). The kernel makes them ahead and drops those that are older than is kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from serai.context import Database, Principal
from serai.declarations import Log
from serai.errors import Unavailable, describe
from serai.telemetry import current

FLUSH_SECONDS = 1.0
MOST_WAITING = 50_000
"""Rows that wait to be written at the most."""
UPKEEP_SECONDS = 3600.0

_COLUMNS = ("noted_at", "client_id", "client", "person", "route", "subjects", "fields", "purpose", "request_id")
_LOCK = "select pg_advisory_xact_lock(hashtext('serai.disclosure'))"


class NotNoted(Unavailable):
    """Personal data is not shown while it cannot be noted who saw it."""

    slug = "disclosure-not-noted"
    title = "Personal data cannot be shown just now"


class Disclosures:
    """The log of one process; `start` and `stop` frame its life."""

    def __init__(
        self,
        database: Database,
        log: Log,
        *,
        kept_months: int,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._log = log
        self._kept_months = kept_months
        self._clock = clock
        self._waiting: list[tuple[Any, ...]] = []
        self._made: set[datetime] = set()
        """Months that have a partition."""
        self._stopping = asyncio.Event()
        self._keeping: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Make the partitions of this month and the next, drop the old ones, and begin to write."""
        await self.keep_partitions()
        self._keeping = [
            asyncio.create_task(self._every(FLUSH_SECONDS, self.flush), name="identity: disclosures"),
            asyncio.create_task(self._every(UPKEEP_SECONDS, self.keep_partitions), name="identity: partitions"),
        ]

    async def stop(self) -> None:
        """Write what waits. What is being written is not cut off: it would be unknown whether it was."""
        self._stopping.set()
        await asyncio.gather(*self._keeping)
        self._keeping = []
        try:
            await self.flush()
        except Exception as error:  # noqa: BLE001  the database is away, and we are leaving
            self._log.error("disclosures are lost", count=len(self._waiting), error=describe(error))

    def note(
        self, who: Principal, route: str, subjects: Iterable[str], fields: Iterable[str], purpose: str = ""
    ) -> None:
        """Note that `who` was shown these personal fields of these people (emplids) by the route (its template).

        `purpose`: what the request itself says it is for, kept after the client's own. Raises `NotNoted` where too many
        wait to be written.
        """
        if len(self._waiting) >= MOST_WAITING:
            raise NotNoted("The log of who saw what cannot be written just now", headers={"Retry-After": "5"})
        why = f"{who.purpose}: {purpose}" if who.purpose and purpose else who.purpose or purpose
        self._waiting.append(
            (
                self._clock(),
                who.id,
                who.name,
                who.person,
                route,
                list(subjects),
                list(fields),
                why,
                current.request_id.get() or "",
            )
        )

    async def flush(self) -> None:
        """Write what waits; where that fails it waits on, in front of what came since."""
        rows, self._waiting = self._waiting, []
        if not rows:
            return
        try:
            missing = {_month(row[0]) for row in rows} - self._made
            if missing:
                await self._make(missing)
            async with self._database.raw() as connection:
                await connection.copy_records_to_table(
                    "disclosure", schema_name=self._database.schema, columns=_COLUMNS, records=rows
                )
        except BaseException:
            self._waiting[:0] = rows
            raise

    async def keep_partitions(self) -> None:
        """Make the partitions of this month and the next, and drop those of months that are no longer kept."""
        this = _month(self._clock())
        await self._make({this, _after(this)})
        oldest = this
        for _ in range(self._kept_months):
            oldest = _month(oldest - timedelta(days=1))
        async with self._database.raw() as connection, connection.transaction():
            await connection.execute(_LOCK)
            names = await connection.fetch(
                "select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid"
                " where i.inhparent = 'serai.disclosure'::regclass and c.relname < $1",
                _name(oldest),
            )
            for row in names:
                await connection.execute(f"drop table serai.{row['relname']}")
                self._log.info("disclosures of a month that is no longer kept were dropped", partition=row["relname"])

    async def _make(self, months: Collection[datetime]) -> None:
        async with self._database.raw() as connection, connection.transaction():
            await connection.execute(_LOCK)  # two that make the same at once would fail, even with `if not exists`
            for month in sorted(months):
                await connection.execute(
                    f"create table if not exists serai.{_name(month)} partition of serai.disclosure"
                    f" for values from ('{month:%Y-%m-%d}T00:00Z') to ('{_after(month):%Y-%m-%d}T00:00Z')"
                )
        self._made |= set(months)

    async def _every(self, seconds: float, work: Callable[[], Any]) -> None:
        while not self._stopping.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), seconds)
                return
            try:
                await work()
            except Exception as error:  # noqa: BLE001  mostly the database is away; the next time it is tried again
                self._log.warning(
                    "the log of disclosures could not be kept", waiting=len(self._waiting), error=describe(error)
                )


def _month(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _after(month: datetime) -> datetime:
    return _month(month + timedelta(days=32))


def _name(month: datetime) -> str:
    return f"disclosure_{month:%Y_%m}"
