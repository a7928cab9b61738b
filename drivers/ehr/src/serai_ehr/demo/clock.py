"""The company's time: real time, or one that runs faster from an epoch on."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import attrs

ZONE = timezone(timedelta(hours=8), "Asia/Shanghai")
"""Shanghai has had no summer time since 1991, and the company is younger; a fixed offset is ten times faster."""


@attrs.frozen
class CompanyClock:
    """Company time = `epoch` + (real time - `epoch`) * `pace`: every process that knows both computes the same."""

    epoch: datetime
    pace: float

    def at(self, real: datetime) -> datetime:
        """The company's time at a moment of real time, in whole seconds; aware, in the company's zone."""
        passed = (real - self.epoch).total_seconds() * self.pace
        return (self.epoch + timedelta(seconds=int(passed))).astimezone(ZONE)
