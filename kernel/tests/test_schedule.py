from __future__ import annotations

from datetime import UTC, datetime, timedelta

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serai.declarations import Setting, job
from serai.errors import PluginError
from serai.work.schedule import Schedule, schedule_of

KYIV = "Europe/Kyiv"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def ticks(schedule: Schedule, after: str, until: str) -> list[str]:
    found, moment = [], utc(after)
    while (moment := schedule.next_after(moment)) <= utc(until):
        found.append(moment.strftime("%d %H:%M:%S"))
    return found


def test_the_zone_decides_when_a_day_begins():
    assert Schedule("0 2 * * *", "Asia/Shanghai").next_after(utc("2026-11-23 00:00")) == utc("2026-11-23 18:00")


def test_a_tick_is_not_after_itself_but_until_itself():
    schedule, tick = Schedule("*/5 * * * *", "UTC"), utc("2026-11-23 10:05")
    assert schedule.next_after(tick) == utc("2026-11-23 10:10")
    assert schedule.last_until(tick) == tick
    assert schedule.last_until(tick - timedelta(microseconds=1)) == utc("2026-11-23 10:00")


@pytest.mark.parametrize("expression", ["30 3 * * *", "0 30 3 * * *"])
def test_a_time_that_spring_skips_is_due_right_after_the_gap(expression):
    found = ticks(Schedule(expression, KYIV), "2026-03-28 00:00", "2026-03-30 23:00")
    assert found == ["28 01:30:00", "29 01:00:00", "30 00:30:00"]


@pytest.mark.parametrize("expression", ["30 3 * * *", "0 30 3 * * *"])
def test_a_time_that_autumn_repeats_is_due_once(expression):
    found = ticks(Schedule(expression, KYIV), "2026-10-24 12:00", "2026-10-26 12:00")
    assert found == ["25 00:30:00", "26 01:30:00"]


def test_every_half_hour_is_due_through_both_hours_of_autumn():
    found = ticks(Schedule("*/30 * * * *", KYIV), "2026-10-24 23:59", "2026-10-25 02:00")
    assert found == ["25 00:00:00", "25 00:30:00", "25 01:00:00", "25 01:30:00", "25 02:00:00"]


def test_in_the_second_of_two_equal_hours_the_last_tick_is_in_the_first():
    assert Schedule("30 3 * * *", KYIV).last_until(utc("2026-10-25 01:10")) == utc("2026-10-25 00:30")


def test_at_the_end_of_the_skipped_hour_the_last_tick_is_now():
    assert Schedule("30 3 * * *", KYIV).last_until(utc("2026-03-29 01:00")) == utc("2026-03-29 01:00")


@settings(deadline=None)
@given(
    st.sampled_from(["30 3 * * *", "*/20 * * * *", "15,45 2-4 * * *", "5 0 * * *", "7 30 3 * * *", "0 */10 3 * * *"]),
    st.sampled_from([KYIV, "America/Havana", "Australia/Lord_Howe", "Asia/Shanghai"]),
    st.sampled_from(["2026-03-08", "2026-03-29", "2026-04-05", "2026-10-04", "2026-10-25", "2026-11-01"]),
    st.integers(0, 36 * 3600),
)
def test_the_last_tick_is_the_one_that_walking_forward_meets(expression, zone, day, second):
    schedule, now = Schedule(expression, zone), utc(day) - timedelta(hours=6) + timedelta(seconds=second)
    walked = moment = now - timedelta(days=3)
    while (moment := schedule.next_after(moment)) <= now:
        walked = moment
    assert schedule.last_until(now) == walked


@pytest.mark.parametrize(
    ("expression", "zone", "said"),
    [
        ("* * * *", "UTC", "wrong number of fields"),
        ("61 * * * *", "UTC", "bad minute"),
        ("0 0 31 2 *", "UTC", "bad day-of-month"),
        ("0 0 * 2 MON#5,", "UTC", "bad day-of-week"),
        ("0 0 * * *", "Europe/Atlantis", "Europe/Atlantis"),
        ("0 0 * * *", "", "IANA"),
        ("0 0 * * *", "../etc/passwd", "IANA"),
        ("0 0 * * *", "Europe", "IANA"),
    ],
)
def test_what_is_no_schedule_is_refused_with_the_reason(expression, zone, said):
    with pytest.raises(ValueError, match=said):
        Schedule.parse(expression, zone)


@attrs.frozen
class SyncSettings:
    schedule: str = "0 2 * * *"
    pages: int = 3


def make(cron):
    @job(cron=cron, zone=KYIV)
    async def sync(ctx, run):
        """Fetch what changed."""

    return sync


def test_a_setting_may_hold_the_expression():
    assert schedule_of("isapi", make(Setting("schedule")), SyncSettings(schedule="5 4 * * *")) == Schedule(
        "5 4 * * *", KYIV
    )


@pytest.mark.parametrize(
    ("cron", "said"),
    [
        ("nightly", ["isapi", "sync", "'nightly'", "wrong number of fields"]),
        (Setting("interval"), ["isapi", "sync", "interval", "no such setting"]),
        (Setting("pages"), ["isapi", "sync", "setting pages", "found 3"]),
    ],
)
def test_a_mistake_names_plugin_job_and_setting(cron, said):
    with pytest.raises(PluginError) as caught:
        schedule_of("isapi", make(cron), SyncSettings())
    assert all(word in str(caught.value) for word in said), str(caught.value)


def test_a_wrong_value_of_a_setting_says_which_key_to_correct():
    with pytest.raises(PluginError) as caught:
        schedule_of("isapi", make(Setting("schedule")), SyncSettings(schedule="99 * * * *"))
    assert "plugins.isapi.schedule" in caught.value.hint
    assert "'99 * * * *'" in caught.value.sentence
