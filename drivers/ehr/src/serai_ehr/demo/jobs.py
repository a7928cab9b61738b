"""Rows of the record JOB, and how an effective-dated history grows."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, NamedTuple

from serai_ehr.demo.people import BLANK


class JobRow(NamedTuple):
    """One row of V_IS_JOB; its fields are the view's columns, in their order."""

    emplid: str
    empl_rcd: int
    effdt: date
    effseq: int
    per_org: str
    hr_status: str
    empl_status: str
    action: str
    action_reason: str
    job_indicator: str
    setid_dept: str
    deptid: str
    setid_jobcode: str
    jobcode: str
    setid_location: str
    location: str
    position_nbr: str
    supervisor_id: str
    company: str
    business_unit: str
    grade: str
    reg_temp: str
    full_part_time: str
    hire_dt: date
    last_hire_dt: date
    termination_dt: date | None
    last_date_worked: date | None
    expected_end_date: date | None
    lastupddttm: datetime


History = tuple[JobRow, ...]
"""All rows of one employment record (EMPLID, EMPL_RCD), in order of EFFDT and EFFSEQ."""


def current(history: History, day: date) -> JobRow | None:
    """The row in force on a day: the last one that is not in the future."""
    for row in reversed(history):
        if row.effdt <= day:
            return row
    return None


def follow(history: History, day: date, moment: datetime, action: str, **changes: Any) -> History:
    """The history with a row more, in force from `day` on, that differs from the one before in `changes`.

    Rows after it take the changes over too (corrected, so with a new LASTUPDDTTM): what was known to come still comes.
    A second row of one day gets the next EFFSEQ. A record that begins after `day` has only its rows corrected.
    """
    at = next((i for i, row in enumerate(history) if row.effdt > day), len(history))
    later = tuple(row._replace(**changes, lastupddttm=moment) for row in history[at:])
    if at == 0:
        return later
    base = history[at - 1]
    row = base._replace(
        **{"action_reason": BLANK, **changes},
        effdt=day,
        effseq=base.effseq + 1 if base.effdt == day else 0,
        action=action,
        lastupddttm=moment,
    )
    return (*history[:at], row, *later)
