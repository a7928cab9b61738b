"""Held runs: what was looked at waits for a person, who has it applied or not."""

from __future__ import annotations

import asyncio
import json
from datetime import date, timedelta

import pytest

from serai_isapi import api
from serai_isapi.journal import SyncRunNotFound, SyncRunNotHeld
from serai_isapi.state import DataState

BECAUSE = api.Reason(reason="the division was sold")


@pytest.fixture
async def held(house, company):
    """A run that is held because somebody's work would end."""
    house.configure(hold_terminations=0, hold_terminations_percent=0.0)
    await house.sync()
    company.job("0004", date(2026, 11, 1), empl_status="T", termination_dt=date(2026, 10, 31))
    run = await house.sync()
    assert run["state"] == "held"
    return run


async def approve(house, run) -> None:
    """Approve it, and wait until that is applied."""
    call = house.call(person="0001")
    answer = await api.approve_sync_run(call, str(run["id"]), BECAUSE)
    assert answer.state == "approved"
    await asyncio.gather(*house.spawned)


async def test_an_approval_applies_exactly_what_was_looked_at(house, company, held):
    company.job("0003", date(2026, 11, 1), empl_status="T")  # nobody has looked at this

    await approve(house, held)

    run = await api.get_sync_run(house.call(person="0001"), str(held["id"]))
    decision = run.decision
    assert (run.state, decision.by, decision.person) == ("done", "tests", "0001")
    assert (decision.reason, decision.at) == ("the division was sold", house.now())
    assert "the work of 1 of 4 people would end" in held["reason"]
    assert run.counts["V_IS_JOB"].added == 1
    assert (await house.employee("0004")).status == "leaver"
    assert (await house.employee("0003")).status == "active"
    assert await house.rows("select from isapi.held_job") == []


async def test_after_an_approval_increments_go_on_from_there(house, company, held):
    await approve(house, held)
    house.present += timedelta(hours=1)
    company.clock += timedelta(hours=1)

    run = await house.sync(full=False)

    assert (run["kind"], run["state"]) == ("increment", "done")
    await house.get(DataState).refresh()
    assert house.get(DataState).data_as_of == company.clock


async def test_removals_and_quarantined_rows_are_approved_with_the_rest(house, company):
    house.configure(hold_departments_gone=0)
    company.department("D4", "旧组", "D1")
    await house.sync()
    company.remove("DEPT", deptid="D4")
    company.remove("DEPT_TREE", tree_node="D4")
    company.of("DEPT", deptid="D3")[0].update(descr="x", eff_status="?")
    run = await house.sync()
    assert run["reason"] == "1 departments vanished (hold_departments_gone = 0)"

    await approve(house, run)

    rows = await house.rows("select deptid, name from isapi.department order by deptid")
    assert [tuple(row) for row in rows] == [("D1", "集团"), ("D2", "技术部"), ("D3", "平台组")]


async def test_a_run_names_all_its_reasons(house, company, held):
    company.rows["V_IS_ACCOUNT"].clear()
    house.present += timedelta(hours=27)

    run = await house.sync()

    assert len(run["reason"].split("; ")) == 3
    assert all(words in run["reason"] for words in ("27.0 hours ago", "V_IS_ACCOUNT is empty", "would end"))


async def test_a_later_run_supersedes_it(house, company, held):
    company.remove("JOB", emplid="0004", empl_status="T")
    assert (await house.sync())["state"] == "done"

    with pytest.raises(SyncRunNotHeld, match="is superseded"):
        await api.approve_sync_run(house.call(person="0001"), str(held["id"]), BECAUSE)
    assert (await house.employee("0004")).status == "active"


async def test_of_two_held_runs_only_the_later_can_be_approved(house, company, held):
    company.job("0003", date(2026, 11, 1), empl_status="T")
    later = await house.sync()

    with pytest.raises(SyncRunNotHeld, match="is superseded"):
        await api.approve_sync_run(house.call(person="0001"), str(held["id"]), BECAUSE)
    await approve(house, later)

    assert await house.search() == ["0001", "0002"]


async def test_a_run_that_fails_leaves_the_held_one_to_be_approved(house, company, held):
    company.down = True
    with pytest.raises(Exception, match="not ready"):
        await house.sync()

    await approve(house, held)

    assert (await house.employee("0004")).status == "leaver"


async def test_a_rejected_run_cannot_be_approved(house, held):
    call = house.call(person="0001")
    run = await api.reject_sync_run(call, str(held["id"]), api.Reason(reason="a mistake in the HR system"))
    assert (run.state, run.decision.reason) == ("rejected", "a mistake in the HR system")

    with pytest.raises(SyncRunNotHeld, match="is rejected"):
        await api.approve_sync_run(call, str(held["id"]), BECAUSE)
    with pytest.raises(SyncRunNotFound):
        await api.approve_sync_run(call, "99", BECAUSE)


async def test_an_approval_whose_process_died_is_applied_by_the_next_run(house, company, held):
    await house.rows("update isapi.sync_run set state = 'approved' where id = $1", held["id"])

    run = await house.sync()

    assert (run["state"], json.loads(run["counts"])["V_IS_JOB"]["added"]) == ("done", 0)
    states = [row["state"] for row in await house.rows("select state from isapi.sync_run order by id")]
    assert states == ["done", "done", "done"]
    assert (await house.employee("0004")).status == "leaver"
