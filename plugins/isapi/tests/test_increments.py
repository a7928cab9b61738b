"""Increments: what changed is read, nothing is deleted, and what no stamp tells is found by the next whole reading."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest

from serai_isapi.problems import EmployeeNotFound


@pytest.fixture
def tick(house, company):
    """Let time pass: the company's clock and ours."""

    def tick(**delta):
        house.present += timedelta(**delta)
        company.clock += timedelta(**delta)

    return tick


def read(run) -> int:
    """How many rows of views that have stamps the run read."""
    counts = json.loads(run["counts"])
    return sum(count["read"] for view, count in counts.items() if view != "V_IS_DEPT_TREE")


async def test_the_first_run_is_full_and_the_next_reads_what_changed(house, company, tick):
    first = await house.sync(full=False)
    tick(hours=1)
    company.of("JOB", emplid="0004")[0].update(grade="P8", lastupddttm=company.clock)

    second = await house.sync(full=False)

    assert [(run["kind"], run["state"]) for run in (first, second)] == [("full", "done"), ("increment", "done")]
    assert read(second) == 1
    assert (await house.employee("0004")).grade == "P8"


async def test_an_increment_reads_a_little_twice_because_stamps_are_older_than_their_commits(house, company, tick):
    await house.sync()
    stamp = company.clock - timedelta(minutes=29)
    tick(minutes=15)
    company.of("JOB", emplid="0003")[0].update(grade="P8", lastupddttm=stamp)
    company.of("JOB", emplid="0004")[0].update(grade="P8", lastupddttm=stamp - timedelta(minutes=2))

    assert read(await house.sync(full=False)) == 1

    assert [(await house.employee(emplid)).grade for emplid in ("0003", "0004")] == ["P8", None]


async def test_a_row_whose_day_has_come_is_read_without_a_stamp(house, company, tick):
    await house.sync()
    tick(days=1)
    company.job("0003", date(2026, 11, 24), deptid="D1")

    await house.sync(full=False)

    assert (await house.employee("0003")).department.deptid == "D1"


async def test_deleted_and_rewritten_history_waits_for_the_full_run(house, company, tick):
    company.job("0004", date(2025, 1, 1), deptid="D1")
    await house.sync()
    tick(hours=1)
    company.remove("JOB", emplid="0004", effdt=date(2025, 1, 1))
    company.of("JOB", emplid="0003")[0].update(deptid="D2")

    await house.sync(full=False)
    assert [(await house.employee(emplid)).department.deptid for emplid in ("0003", "0004")] == ["D3", "D1"]

    await house.sync()
    assert [(await house.employee(emplid)).department.deptid for emplid in ("0003", "0004")] == ["D2", "D3"]


async def test_a_view_without_stamps_is_compared_whole_in_an_increment(house, company, tick):
    company.department("D4", "新组", "D1")
    await house.sync()
    tick(hours=1)
    company.of("DEPT_TREE", tree_node="D4")[0].update(parent_node_name="D2")
    company.remove("DEPT_TREE", tree_node="D3")

    run = await house.sync(full=False)

    counts = json.loads(run["counts"])["V_IS_DEPT_TREE"]
    assert (counts["read"], counts["changed"], counts["removed"]) == (3, 1, 1)
    row = await house.row("select path from isapi.department where deptid = 'D4'")
    assert row["path"] == ["D1", "D2", "D4"]


async def test_nothing_new_touches_nothing(house, tick):
    await house.sync()
    before = await house.rows("select xmin::text, e.* from isapi.employee e order by emplid")
    tick(hours=1)

    run = await house.sync(full=False)

    assert (run["state"], read(run)) == ("done", 0)
    assert await house.rows("select xmin::text, e.* from isapi.employee e order by emplid") == before


async def test_a_failed_run_is_made_good_by_the_next(house, company, tick):
    await house.sync()
    tick(hours=1)
    company.of("JOB", emplid="0004")[0].update(grade="P8", lastupddttm=company.clock)
    company.down = True
    with pytest.raises(Exception, match="not ready"):
        await house.sync(full=False)
    tick(hours=3)
    company.down = False

    assert read(await house.sync(full=False)) == 1

    assert (await house.employee("0004")).grade == "P8"


async def test_another_source_is_read_whole(house, company, tick):
    await house.sync()
    await house.rows("update isapi.watermark set source = 'elsewhere'")

    assert (await house.sync(full=False))["kind"] == "full"


async def test_a_row_that_waits_for_its_person_goes_through_when_the_person_comes(house, company, tick):
    company.job("0009", deptid="D2")
    await house.sync()
    assert await house.rules() == [("V_IS_JOB", "unknown_person")]
    with pytest.raises(EmployeeNotFound):
        await house.employee("0009")

    tick(hours=1)
    company.add("PERSON", emplid="0009", lastupddttm=company.clock)
    run = await house.sync(full=False)

    assert read(run) == 1
    assert (await house.employee("0009")).department.deptid == "D2"
    assert await house.rows("select from isapi.quarantine where state = 'open'") == []


async def test_one_bad_row_among_few_changed_ones_is_no_reason_to_hold(house, company, tick):
    for number in range(200):
        company.person(f"1{number:03}", "甲乙")
    house.configure(hold_quarantined_percent=0.5)
    await house.sync()
    tick(hours=1)
    company.of("JOB", emplid="0004")[0].update(empl_status="?", lastupddttm=company.clock)

    run = await house.sync(full=False)

    assert (run["state"], read(run)) == ("done", 1)
    assert (await house.employee("0004")).status == "active"


async def test_too_many_terminations_hold_an_increment(house, company, tick):
    house.configure(hold_terminations=0, hold_terminations_percent=0.0)
    await house.sync()
    tick(hours=1)
    company.job("0004", date(2026, 11, 1), empl_status="T", lastupddttm=company.clock)

    for _ in range(2):
        run = await house.sync(full=False)
        assert (run["kind"], run["state"]) == ("increment", "held")
        assert (await house.employee("0004")).status == "active"
        tick(hours=1)
