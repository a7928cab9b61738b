"""When a job is due: a cron expression in a time zone, asked about moments. No clock and no database here."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import attrs
from cronsim import CronSim, CronSimError

from serai.declarations import Job, Setting
from serai.errors import PluginError


@attrs.frozen
class Schedule:
    """The ticks of a cron expression (five fields, or six with seconds first) as a wall clock in `zone` shows them.

    An expression that names hours and minutes means one tick a day also where the clocks change, as in Debian's cron:
    a time that is skipped in spring is due right after the gap, one that comes twice in autumn is due the first time.
    Every moment given must know its zone; every tick returned is in UTC.
    """

    expression: str
    zone: str

    @classmethod
    def parse(cls, expression: str, zone: str) -> Schedule:
        """Raise ValueError, with what is wrong as its text, where the two do not make a schedule."""
        try:
            ZoneInfo(zone)
        except (KeyError, ValueError, OSError):  # unknown, no name at all, a folder of the zone database
            raise ValueError(f"an IANA time zone such as Asia/Shanghai was expected, found {zone!r}") from None
        schedule = cls(expression, zone)
        try:
            schedule.next_after(datetime.now(UTC))
        except CronSimError as error:
            raise ValueError(f"a cron expression was expected, found {expression!r}: {str(error).lower()}") from None
        except StopIteration:
            raise ValueError(f"a cron expression was expected, found {expression!r}, which is never due") from None
        return schedule

    def next_after(self, moment: datetime) -> datetime:
        """The first tick later than `moment`."""
        return next(tick for tick in self._ticks(moment) if tick > moment)

    def last_until(self, moment: datetime) -> datetime:
        """The last tick at or before `moment`."""
        tick = next(tick for tick in self._ticks(moment, reverse=True) if tick <= moment)
        # Backwards cronsim misses ticks in the hour that comes twice, and at the end of the one that never comes.
        while (following := self.next_after(tick)) <= moment:
            tick = following
        return tick

    def _ticks(self, moment: datetime, *, reverse: bool = False) -> Iterator[datetime]:
        expression, shift = self._debian()
        start = (moment - shift).astimezone(ZoneInfo(self.zone))
        for tick in CronSim(expression, start, reverse):
            yield tick.astimezone(UTC) + shift

    def _debian(self) -> tuple[str, timedelta]:
        """The expression with the seconds taken off where it has one second a minute.

        cronsim keeps Debian's rules for changes of the clocks only where an expression has five fields.
        """
        seconds, _, rest = self.expression.strip().partition(" ")
        if len(rest.split()) == 5 and seconds.isdecimal() and int(seconds) < 60:
            return rest, timedelta(seconds=int(seconds))
        return self.expression, timedelta()


def schedule_of(plugin: str, job: Job, settings: object) -> Schedule:
    """The job's schedule, its expression taken from the plugin's settings where it names one.

    Raises `PluginError` naming plugin, job and setting where that does not make a schedule.
    """
    expression, where = job.cron, f"Job {job.name} of plugin {plugin}"
    hint = "five fields (minute hour day month weekday), or six with seconds first"
    if isinstance(expression, Setting):
        where += f", setting {expression.name}"
        hint = f"correct plugins.{plugin}.{expression.name}: {hint}"
        if not hasattr(settings, expression.name):
            raise PluginError(
                f"{where}: the plugin has no such setting", hint="Setting(...) names a field of the settings class"
            )
        expression = getattr(settings, expression.name)
    if not isinstance(expression, str):
        raise PluginError(f"{where}: a cron expression was expected, found {expression!r}", hint=hint)
    try:
        return Schedule.parse(expression, job.zone)
    except ValueError as error:
        raise PluginError(f"{where}: {error}", hint=hint) from None
