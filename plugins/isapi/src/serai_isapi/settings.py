"""The keys of `[plugins.isapi]`."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import attrs
from msgspec import Meta

ZONE = "Asia/Shanghai"
"""The company's zone: dates of the HR system have none, and its days begin and end here."""

Percent = Annotated[float, Meta(ge=0, le=100)]
Count = Annotated[int, Meta(ge=0)]
Hours = Annotated[float, Meta(gt=0)]


@attrs.frozen(kw_only=True)
class Settings:
    """Where the data comes from, how often, and when a reading is held instead of believed."""

    source: str
    """The device of kind `ehr` that is read."""
    scim_writes: bool = False
    """Whether SCIM clients may add people and groups of their own, beside those of the HR system."""
    national_ids: bool = False
    """Whether national ids are read from V_IS_NID and kept, encrypted; where not, none are kept."""
    unmask_daily: Count = 50
    """How many fields one client may have unmasked a day."""
    sync_cron: str = "*/15 * * * *"
    """When what changed there is read, in the company's zone."""
    full_sync_cron: str = "10 3 * * *"
    """When all of it is read and compared."""
    sync_overlap_minutes: Annotated[int, Meta(ge=0)] = 30
    """How far before the source's clock at the last reading the next one begins: stamps are set before a commit."""
    data_old_after_hours: Hours = 2.0
    """Age of the data above which the plugin reports itself degraded."""
    hold_below_percent: Percent = 95.0
    """Hold when a view has fewer rows than this part of the last good ones."""
    hold_terminations: Count = 20
    """Hold when one run ends the work of more people than this, and of more than `hold_terminations_percent`."""
    hold_terminations_percent: Percent = 1.0
    """See `hold_terminations`; the larger of both counts."""
    hold_departments_gone: Count = 5
    """Hold when more departments than this vanish."""
    hold_quarantined_percent: Percent = 0.5
    """Hold when more than this part of all rows breaks a rule."""
    hold_source_age_hours: Hours = 26.0
    """Hold when the source's own clock is this far behind ours."""


def company_date(moment: datetime) -> date:
    """The date in the company's zone at that moment (aware)."""
    return moment.astimezone(ZoneInfo(ZONE)).date()
