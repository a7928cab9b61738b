"""Synchronisation: runs, idempotency, crashes, a source that fails."""

from __future__ import annotations

import asyncio
import json
from datetime import date, timedelta

import asyncpg
import pytest

from serai import DeviceDown, PluginError
from serai_ehr import ViewFault
from serai_isapi.settings import Settings
from serai_isapi.state import DataState
from serai_isapi.sync import synchronise

UNCHANGED = {"added": 0, "changed": 0, "removed": 0}


async def test_the_first_run_publishes_everybody(house):
    run = await house.sync()

    assert (run["state"], run["reason"]) == ("done", None)
    counts = json.loads(run["counts"])
    assert counts["V_IS_JOB"] == {"read": 4, "quarantined": 0, "added": 4, "changed": 0, "removed": 0}
    person = await house.employee("0004")
    assert (person.name, person.pinyin) == ("欧阳修", "ou yang xiu")
    assert person.department.path == "集团/技术部/平台组"
    assert (person.title, person.location.name, person.manager_emplid) == ("工程师", "北京", "0003")


async def test_the_same_reading_again_changes_nothing(house):
    await house.sync()
    before = await house.rows("select xmin::text, e.* from isapi.employee e order by emplid")

    run = await house.sync()

    assert run["state"] == "done"
    assert all(count.items() >= UNCHANGED.items() for count in json.loads(run["counts"]).values())
    assert await house.rows("select xmin::text, e.* from isapi.employee e order by emplid") == before


async def test_a_change_touches_only_what_changed(house, company):
    await house.sync()
    company.of("JOB", emplid="0004")[0].update(grade="P8")

    run = await house.sync()

    changed = {
        view: count for view, count in json.loads(run["counts"]).items() if not count.items() >= UNCHANGED.items()
    }
    assert changed == {"V_IS_JOB": {"read": 4, "quarantined": 0, "added": 0, "changed": 1, "removed": 0}}


async def test_a_process_that_dies_while_applying_leaves_the_old_data_and_the_next_run_goes_on(house, company):
    await house.sync()
    company.of("JOB", emplid="0003")[0].update(deptid="D1")
    async with house.db.raw() as blocker:
        transaction = blocker.transaction()
        await transaction.start()
        await blocker.execute("lock table isapi.employee in share mode")
        run = asyncio.create_task(synchronise(house, lambda note, **_: None, full=True))
        victim = await eventually(
            house,
            "select pid from pg_stat_activity where wait_event_type = 'Lock' and pid <> $1",
            blocker.get_server_pid(),
        )
        await blocker.execute("select pg_terminate_backend($1)", victim)
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
            await run
        await transaction.rollback()

    assert (await house.last_run())["state"] == "failed"
    assert (await house.employee("0003")).department.deptid == "D3"
    assert (await house.sync())["state"] == "done"
    assert (await house.employee("0003")).department.deptid == "D1"


async def test_a_cancelled_run_is_recorded_and_lets_go_of_everything(house, company):
    await house.sync()
    async with house.db.raw() as blocker, blocker.transaction():
        await blocker.execute("lock table isapi.employee in share mode")
        run = asyncio.create_task(synchronise(house, lambda note, **_: None, full=True))
        company.of("JOB", emplid="0003")[0].update(deptid="D1")
        await eventually(house, "select pid from pg_stat_activity where wait_event_type = 'Lock'")
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run

    last = await house.last_run()
    assert (last["state"], last["reason"]) == ("failed", "it was cancelled: its time was over, or the plugin stopped")
    assert (await house.sync())["state"] == "done"


async def test_the_record_of_a_run_whose_process_died_is_closed_by_the_next(house):
    await house.rows("insert into isapi.sync_run (state, started, counts) values ('applying', now(), '{}')")

    await house.sync()

    states = [row["state"] for row in await house.rows("select state from isapi.sync_run order by id")]
    assert states == ["failed", "done"]


async def test_two_runs_at_once_happen_one_after_the_other(house):
    await asyncio.gather(*(synchronise(house, lambda note, **_: None, full=True) for _ in range(2)))

    runs = await house.rows("select state, counts from isapi.sync_run order by counts->'V_IS_JOB'->'added'")
    assert [row["state"] for row in runs] == ["done", "done"]
    assert [json.loads(row["counts"])["V_IS_JOB"]["added"] for row in runs] == [0, 4]


async def test_a_source_that_is_down_fails_the_run_and_the_data_stays(house, company):
    await house.sync()
    company.down = True

    with pytest.raises(DeviceDown):
        await house.sync()

    run = await house.last_run()
    assert (run["state"], run["reason"]) == ("failed", "device ehr is not ready: connection refused")
    assert len(await house.search()) == 4
    health = house.get(DataState).health(house.get(Settings), house.now())
    assert not health.ok
    assert "connection refused; data of 2026-11-23 04:00Z" in health.detail


async def test_a_renamed_column_is_named_and_the_sync_refused(house, company):
    company.faults = [ViewFault("V_IS_JOB", "EMPL_STATUS", "a text column", "no such column")]

    with pytest.raises(PluginError):
        await house.sync()

    expected = (
        "device ehr does not keep the contract: V_IS_JOB.EMPL_STATUS: expected a text column, found no such column"
    )
    assert (await house.last_run())["reason"] == expected


async def test_health_says_how_old_the_data_is(house):
    state, settings = house.get(DataState), house.get(Settings)
    await state.refresh()
    assert state.health(settings, house.now()).detail == "no data has been read yet"
    await house.sync()
    assert state.health(settings, house.now()).ok
    assert state.health(settings, house.now() + timedelta(hours=3)).detail == "data of 2026-11-23 04:00Z, 3.0 hours old"


async def test_a_leaver_stays_to_be_found_and_loses_nothing_but_the_status(house, company):
    company.job("0004", date(2026, 11, 1), empl_status="T", termination_dt=date(2026, 10, 31))

    await house.sync()

    leaver = await house.employee("0004")
    assert (leaver.status, leaver.employment_status, leaver.name) == ("leaver", "terminated", "欧阳修")
    assert await house.search() == ["0001", "0002", "0003"]
    assert await house.search(statuses=("leaver",)) == ["0004"]


async def eventually(house, query, *values):
    """The first value that the query gives, as soon as it gives one."""
    async with asyncio.timeout(20):
        while True:
            if row := await house.row(query, *values):
                return row[0]
            await asyncio.sleep(0.02)
