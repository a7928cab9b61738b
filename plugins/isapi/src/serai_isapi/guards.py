"""Reasons not to believe a reading: the run is held and the last good data stays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import asyncpg

from serai_isapi.quarantine import counted
from serai_isapi.records import RECORDS, Record
from serai_isapi.settings import Settings
from serai_isapi.staging import Counts


class Held(Exception):
    """The reading is not believed; the text says why, with the settings that would let it pass."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__("; ".join(reasons))


def check_clock(settings: Settings, clock: datetime, now: datetime) -> list[str]:
    """The source's own clock, as of which the data is, must not be far behind ours."""
    age = (now - clock).total_seconds() / 3600
    if age <= settings.hold_source_age_hours:
        return []
    return [
        f"the source's clock says {clock:%Y-%m-%d %H:%M %Z}, {age:.1f} hours ago"
        f" (hold_source_age_hours = {settings.hold_source_age_hours:g})"
    ]


async def check_reading(
    connection: asyncpg.Connection,
    settings: Settings,
    counts: Mapping[str, Counts],
    whole: Sequence[Record],
    run_id: int,
) -> list[str]:
    """Compare what was staged with what is kept: empty or shrunken views, lost departments, too many bad rows.

    Of a view that was not read `whole` nobody can say that rows are missing.
    """
    kept = {record: await connection.fetchval(f"select count(*) from {record.table.fullname}") for record in RECORDS}
    reasons = []
    for record in whole:
        name, read, last = record.view.name, counts[record.view.name].read, kept[record]
        if not read and (record.required or last):
            reasons.append(f"{name} is empty")
        elif read * 100 < last * settings.hold_below_percent:
            reasons.append(
                f"{name} has {read} rows, the last good reading had {last}"
                f" (hold_below_percent = {settings.hold_below_percent:g})"
            )
    reasons += await _lost_departments(connection, settings)
    bad = await counted(connection, run_id)
    rows = sum(max(kept[record], counts[record.view.name].read) for record in RECORDS)
    if bad * 100 > rows * settings.hold_quarantined_percent:
        reasons.append(
            f"{bad} of {rows} rows break a rule (hold_quarantined_percent = {settings.hold_quarantined_percent:g})"
        )
    return reasons


async def _lost_departments(connection: asyncpg.Connection, settings: Settings) -> list[str]:
    gone = await connection.fetchval(
        "select count(*) from (select setid, deptid from pg_temp.staged_dept where removed except"
        " select setid, deptid from pg_temp.known_dept) as gone"
    )
    if gone <= settings.hold_departments_gone:
        return []
    return [f"{gone} departments vanished (hold_departments_gone = {settings.hold_departments_gone})"]


async def check_terminations(connection: asyncpg.Connection, settings: Settings) -> list[str]:
    """Compare who works here with who did, noted in `pg_temp.worked_before` by `note_workforce`."""
    before, ended = await connection.fetchrow(
        "select count(*), count(*) filter (where e.emplid is null) from pg_temp.worked_before w"
        " left join isapi.employee e on e.emplid = w.emplid and e.status = 'active'"
    )
    allowed = max(settings.hold_terminations, before * settings.hold_terminations_percent / 100)
    if ended <= allowed:
        return []
    return [
        f"the work of {ended} of {before} people would end (hold_terminations = {settings.hold_terminations},"
        f" hold_terminations_percent = {settings.hold_terminations_percent:g})"
    ]


async def note_workforce(connection: asyncpg.Connection) -> None:
    """Note who works here now, for `check_terminations` later in the same transaction."""
    await connection.execute(
        "create temporary table worked_before on commit drop as"
        " select emplid from isapi.employee where status = 'active'"
    )
