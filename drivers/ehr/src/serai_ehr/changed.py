"""Asking a source for what changed, instead of for everything."""

from __future__ import annotations

from datetime import date, datetime

import attrs

from serai_ehr.views import EFFECTIVE, STAMP, View


def _aware(_instance: object, _attribute: object, value: datetime) -> None:
    if value.utcoffset() is None:
        raise ValueError(f"since = {value.isoformat()} has no time zone")


@attrs.frozen
class Changed:
    """The rows that were stamped lately, or whose effective date has come.

    Time itself changes data: a row keyed ahead becomes current on its date, and nothing stamps it then. What a stamp
    cannot tell, only a whole reading finds: rows that were deleted, and rows whose stamp is NULL.
    """

    since: datetime = attrs.field(validator=_aware)
    """Rows whose LASTUPDDTTM is this moment or later; aware."""
    effective_after: date
    """Rows whose EFFDT is later than this day, by the source's calendar ..."""
    effective_to: date
    """... and no later than this one."""

    def holds(self, view: View, row: tuple[object, ...]) -> bool:
        """Say whether a row of the view is one of them; of a view without stamps every row is."""
        if not view.stamped:
            return True
        stamp = row[view.column_names.index(STAMP)]
        if isinstance(stamp, datetime) and stamp >= self.since:
            return True
        effective = row[view.column_names.index(EFFECTIVE)] if view.effective else None
        return isinstance(effective, date) and self.effective_after < effective <= self.effective_to
