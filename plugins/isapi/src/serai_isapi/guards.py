"""Reasons not to believe a reading: the run is held and the last good data stays."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import asyncpg

from serai_isapi.records import RECORDS
from serai_isapi.settings import Settings
from serai_isapi.staging import Counts


class Held(Exception):
    """The reading is not believed; the text says why, with the setting that would let it pass."""


def check_clock(settings: Settings, clock: datetime, now: datetime) -> None:
    """The source's own clock, as of which the data is, must not be far behind ours."""
    age = (now - clock).total_seconds() / 3600
    if age > settings.hold_source_age_hours:
        raise Held(
            f"the source's clock says {clock:%Y-%m-%d %H:%M %Z}, {age:.1f} hours ago"
            f" (hold_source_age_hours = {settings.hold_source_age_hours:g})"
        )


async def check_reading(connection: asyncpg.Connection, settings: Settings, counts: Mapping[str, Counts]) -> None:
    """Compare what was staged with the last good data: empty or shrunken views, lost departments, too many bad rows."""
    reasons = []
    for record in RECORDS:
        read = counts[record.view.name].read
        last = await connection.fetchval(f"select count(*) from {record.table.fullname}")
        if not read and (record.required or last):
            reasons.append(f"{record.view.name} is empty")
        elif read * 100 < last * settings.hold_below_percent:
            reasons.append(
                f"{record.view.name} has {read} rows, the last good reading had {last}"
                f" (hold_below_percent = {settings.hold_below_percent:g})"
            )
    reasons += await _lost_departments(connection, settings)
    reasons += _bad_rows(settings, counts)
    if reasons:
        raise Held("; ".join(reasons))


async def _lost_departments(connection: asyncpg.Connection, settings: Settings) -> list[str]:
    gone = await connection.fetchval(
        "select count(*) from (select setid, deptid from isapi.dept except"
        " select setid, deptid from pg_temp.staged_dept) as gone"
    )
    if gone <= settings.hold_departments_gone:
        return []
    return [f"{gone} departments vanished (hold_departments_gone = {settings.hold_departments_gone})"]


def _bad_rows(settings: Settings, counts: Mapping[str, Counts]) -> list[str]:
    read = sum(count.read for count in counts.values())
    bad = sum(count.quarantined for count in counts.values())
    if bad * 100 <= read * settings.hold_quarantined_percent:
        return []
    return [f"{bad} of {read} rows break a rule (hold_quarantined_percent = {settings.hold_quarantined_percent:g})"]


async def check_terminations(connection: asyncpg.Connection, settings: Settings) -> None:
    """Compare who works here with who did, noted in `pg_temp.worked_before` by `note_workforce`."""
    before, ended = await connection.fetchrow(
        "select count(*), count(*) filter (where e.emplid is null) from pg_temp.worked_before w"
        " left join isapi.employee e on e.emplid = w.emplid and e.status = 'active'"
    )
    allowed = max(settings.hold_terminations, before * settings.hold_terminations_percent / 100)
    if ended > allowed:
        raise Held(
            f"the work of {ended} of {before} people would end (hold_terminations = {settings.hold_terminations},"
            f" hold_terminations_percent = {settings.hold_terminations_percent:g})"
        )


async def note_workforce(connection: asyncpg.Connection) -> None:
    """Note who works here now, for `check_terminations` later in the same transaction."""
    await connection.execute(
        "create temporary table worked_before on commit drop as"
        " select emplid from isapi.employee where status = 'active'"
    )
