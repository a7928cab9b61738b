"""`Quotas`: how many requests a day a client may send, counted together by all processes.

A request costs a look into a dictionary. Every `PERIOD` seconds each process adds what it has counted to
`serai.client_use` and learns what the others have: a client that asks several processes at once may overshoot its quota
by what it sends in that time. A process that is killed forgets what it counted since.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime, timedelta
from math import ceil
from time import time
from zoneinfo import ZoneInfo

from serai.context import Database
from serai.declarations import Log
from serai.errors import Problem, describe

COMPANY_ZONE = ZoneInfo("Asia/Shanghai")
"""Where the days of quotas begin and end."""
PERIOD = 3.0
"""Seconds between two exchanges with the database."""
KEPT_DAYS = 400

_ADD = """
    insert into serai.client_use as u (client_id, day, requests)
    select * from unnest($1::text[], $2::date[], $3::bigint[])
    on conflict (client_id, day) do update set requests = u.requests + excluded.requests
    returning client_id, day, requests
"""


class QuotaSpent(Problem):
    """The client has sent all the requests of its day; `Retry-After` says in how many seconds the next begins."""

    status = 429
    slug = "quota-spent"
    title = "The day's requests are spent"

    def __init__(self, quota: int, wait: float) -> None:
        seconds = max(1, ceil(wait))
        super().__init__(
            f"All {quota} requests of today are spent; the next day begins in {seconds} s",
            hint="an operator can raise the quota",
            headers={"Retry-After": str(seconds)},
        )


class Quotas:
    """Counts the requests of clients that have a quota. One a process; `start` and `stop` frame its life."""

    def __init__(self, database: Database, log: Log, *, clock: Callable[[], float] = time) -> None:
        self._database = database
        self._log = log
        self._clock = clock
        self._spent: dict[str, int] = {}
        """Today's requests by client, those of the other processes as far as they are known."""
        self._unsaved: dict[tuple[str, date], int] = {}
        self._day, self._midnight = _day_of(clock())
        self._keeping: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Learn what was spent today, and begin to exchange counts."""
        async with self._database.raw() as connection:
            rows = await connection.fetch("select client_id, requests from serai.client_use where day = $1", self._day)
            await connection.execute(
                "delete from serai.client_use where day < $1", self._day - timedelta(days=KEPT_DAYS)
            )
        self._spent = {row["client_id"]: row["requests"] for row in rows}
        self._keeping = asyncio.create_task(self._keep(), name="identity: quotas")

    async def stop(self) -> None:
        """Save what was counted."""
        if self._keeping is not None:
            self._keeping.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeping
            self._keeping = None
        await self.exchange()

    def take(self, client_id: str, quota: int) -> None:
        """Count one request; raises `QuotaSpent`, and counts nothing, where the day's quota is spent."""
        now = self._clock()
        if now >= self._midnight:
            self._day, self._midnight = _day_of(now)
            self._spent.clear()
        spent = self._spent.get(client_id, 0)
        if spent >= quota:
            raise QuotaSpent(quota, self._midnight - now)
        self._spent[client_id] = spent + 1
        counted = (client_id, self._day)
        self._unsaved[counted] = self._unsaved.get(counted, 0) + 1

    async def exchange(self) -> None:
        """Add what was counted here to what all have counted, and learn that."""
        unsaved, self._unsaved = self._unsaved, {}
        if not unsaved:
            return
        # In one order in every process, or two of them could wait for each other's rows.
        counted = sorted(unsaved.items())
        try:
            async with self._database.raw() as connection:
                rows = await connection.fetch(
                    _ADD, [key[0] for key, _ in counted], [key[1] for key, _ in counted], [n for _, n in counted]
                )
        except Exception as error:  # noqa: BLE001  counted again the next time, whatever it was
            for key, number in unsaved.items():
                self._unsaved[key] = self._unsaved.get(key, 0) + number
            self._log.warning("the requests of clients with a quota could not be saved", error=describe(error))
            return
        for row in rows:
            if row["day"] == self._day:
                since = self._unsaved.get((row["client_id"], self._day), 0)
                self._spent[row["client_id"]] = row["requests"] + since

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(PERIOD)
            await self.exchange()


async def used_today(database: Database, client_id: str) -> int:
    """What all processes have saved of a client's requests today."""
    async with database.raw() as connection:
        used: int | None = await connection.fetchval(
            "select requests from serai.client_use where client_id = $1 and day = $2",
            client_id,
            datetime.now(COMPANY_ZONE).date(),
        )
    return used or 0


def _day_of(now: float) -> tuple[date, float]:
    """The company's day at a Unix time, and the Unix time at which it ends."""
    day = datetime.fromtimestamp(now, COMPANY_ZONE).date()
    midnight = datetime(day.year, day.month, day.day, tzinfo=COMPANY_ZONE) + timedelta(days=1)
    return day, midnight.timestamp()
