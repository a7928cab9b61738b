"""How fresh the data is: kept in memory, read again whenever a run has ended in any process."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import attrs

from serai import Database, Health
from serai_isapi.problems import AsOfOutOfRange, NoDataYet
from serai_isapi.published import PRESENT, Edition, edition_of
from serai_isapi.settings import Settings, company_date

FUTURE = timedelta(days=366)
"""How far ahead `as_of` may look."""


@attrs.frozen
class LastRun:
    """How the newest run that has ended did."""

    state: str
    finished: datetime
    reason: str | None


@attrs.define
class DataState:
    """What `isapi.data_state` and the newest ended run say."""

    db: Database
    data_as_of: datetime | None = None
    """The source's clock when the data was read; None before the first time."""
    age_header: str | None = None
    """The same as `X-Data-As-Of` has it: ready, because every answer carries it."""
    earliest: date | None = None
    last_run: LastRun | None = None

    async def refresh(self, _payload: str | None = None) -> None:
        """Read again: a listener of channel `synced`."""
        async with self.db.raw() as connection:
            data = await connection.fetchrow("select data_as_of, earliest from isapi.data_state")
            run = await connection.fetchrow(
                "select state, finished, reason from isapi.sync_run where finished is not null order by id desc limit 1"
            )
        self.data_as_of = data["data_as_of"] if data else None
        self.age_header = f"{self.data_as_of:%Y-%m-%dT%H:%M:%SZ}" if self.data_as_of else None
        self.earliest = data["earliest"] if data else None
        self.last_run = LastRun(run["state"], run["finished"], run["reason"]) if run else None

    def edition(self, as_of: date | None, now: datetime) -> Edition:
        """What is published on `as_of`, by default today. Raises `NoDataYet`, `AsOfOutOfRange`."""
        if self.data_as_of is None:
            raise NoDataYet(hint="the first synchronisation has not ended", headers={"Retry-After": "60"})
        if as_of is None:
            return PRESENT
        today = company_date(now)
        if as_of == today:
            return PRESENT
        earliest, latest = self.earliest or today, today + FUTURE
        if not earliest <= as_of <= latest:
            raise AsOfOutOfRange(f"as_of is {as_of}; history is known from {earliest} and the future to {latest}")
        return edition_of(as_of)

    def health(self, settings: Settings, now: datetime) -> Health:
        """Not well without data, with old data, or after a run that was held or failed."""
        run = self.last_run
        trouble = f"the last synchronisation was {run.state}: {run.reason}" if run and run.state != "done" else ""
        if self.data_as_of is None:
            return Health(False, trouble or "no data has been read yet", "serai jobs shows how the job `sync` does")
        hours = (now - self.data_as_of).total_seconds() / 3600
        age = f"data of {self.data_as_of:%Y-%m-%d %H:%M}Z"
        if trouble:
            return Health(
                False, f"{trouble}; {age}", "the last good data is served; see docs/plugins/isapi.md, Held runs"
            )
        if hours > settings.data_old_after_hours:
            return Health(False, f"{age}, {hours:.1f} hours old", "serai jobs shows whether the job `sync` runs")
        return Health(True, age)
