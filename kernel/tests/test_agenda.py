from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from serai.declarations import job
from serai.work.agenda import Agenda, Due, Entry
from serai.work.schedule import Schedule

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def entry_of(cron: str, **options) -> Entry:
    @job(cron=cron, zone="UTC", **options)
    async def tidy(ctx, run): ...

    schedule = Schedule.parse(cron, "UTC")
    return Entry(plugin="demo", version="1", job=tidy, schedule=schedule, ctx=None, reached=NOON)


@pytest.mark.parametrize("jitter", [0.0, 0.5, 5.0])
def test_a_day_of_missed_seconds_is_one_run(jitter):
    now = NOON + timedelta(days=1)
    due = entry_of("* * * * * *", jitter=jitter).due(now)
    assert due
    assert due.cause == "catch-up"
    assert now - due.tick <= timedelta(seconds=jitter + 1)


@pytest.mark.parametrize("jitter", [0.0, 0.5, 5.0])
def test_a_day_of_seconds_is_skipped_at_once(jitter):
    now = NOON + timedelta(days=1)
    due = entry_of("* * * * * *", misfire="skip", jitter=jitter).due(now)
    assert due
    assert due.cause == "schedule"
    assert now - due.tick <= timedelta(seconds=jitter + 1)


def test_a_tick_that_is_only_a_little_late_is_no_misfire():
    entry = entry_of("0 * * * *", misfire="skip")
    assert entry.due(NOON + timedelta(hours=1, seconds=29)) == Due(NOON + timedelta(hours=1), "schedule")
    assert entry.due(NOON + timedelta(hours=1, seconds=31)) is None


def test_every_tick_of_a_jittered_job_runs_once_and_within_the_jitter():
    entry, ran = entry_of("* * * * *", jitter=59.0), []
    for second in range(3600):
        now = NOON + timedelta(seconds=second)
        if due := entry.due(now):
            entry.reached = due.tick
            ran.append(due.tick)
            assert due.cause == "schedule"
            assert timedelta() <= now - due.tick <= timedelta(seconds=60)
    assert ran == [NOON + timedelta(minutes=minute) for minute in range(1, len(ran) + 1)]
    assert len(ran) >= 58


def test_jitter_longer_than_the_time_between_ticks_starves_nobody():
    entry, ran = entry_of("* * * * * *", jitter=30.0), 0
    for second in range(600):
        if due := entry.due(NOON + timedelta(seconds=second)):
            entry.reached = due.tick
            ran += 1
    assert ran > 100


def test_what_is_planned_anew_is_brought_up_once():
    agenda, entry = Agenda(), entry_of("*/5 * * * *")
    agenda.add(entry)
    agenda.plan(entry, not_before=NOON + timedelta(minutes=7))
    assert agenda.pop(NOON + timedelta(minutes=6)) == []
    assert agenda.pop(NOON + timedelta(minutes=7)) == [entry]
    assert agenda.pop(NOON + timedelta(minutes=20)) == []


def test_what_was_removed_is_not_brought_up():
    agenda, entry = Agenda(), entry_of("*/5 * * * *")
    agenda.add(entry)
    assert agenda.remove("demo") == [entry]
    assert agenda.pop(NOON + timedelta(hours=1)) == []


def test_after_a_clock_set_back_the_ticks_come_again():
    agenda, entry = Agenda(), entry_of("*/5 * * * *")
    agenda.add(entry)
    agenda.rewind(NOON - timedelta(hours=3))
    assert agenda.pop(NOON - timedelta(hours=2, minutes=55)) == [entry]
