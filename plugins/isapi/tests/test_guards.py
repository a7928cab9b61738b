"""Readings that are not believed: the run is held, the last good data stays."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest

TABLES = ("person", "name", "job", "dept", "dept_tree", "employee", "department", "data_state")


async def contents(house) -> dict[str, list]:
    return {table: await house.rows(f"select * from isapi.{table} t order by t") for table in TABLES}


async def assert_held(house, reason: str) -> None:
    """The next run is held for that reason and changes nothing."""
    before = await contents(house)
    run = await house.sync()
    assert run["state"] == "held"
    assert reason in run["reason"]
    assert run["finished"] is not None
    assert all(count["added"] == count["changed"] == 0 for count in json.loads(run["counts"]).values())
    assert await contents(house) == before


@pytest.mark.parametrize("view", ["PERSON", "NAME", "JOB", "DEPT", "DEPT_TREE"])
async def test_an_empty_view_holds_the_run(house, company, view):
    await house.sync()
    company.rows[f"V_IS_{view}"].clear()
    await assert_held(house, f"V_IS_{view} is empty")


async def test_an_empty_view_holds_even_the_first_run(house, company):
    company.rows["V_IS_JOB"].clear()
    await assert_held(house, "V_IS_JOB is empty")


async def test_a_view_that_became_empty_holds_the_run_although_it_may_be_empty_at_first(house, company):
    accounts = company.rows["V_IS_ACCOUNT"].copy()
    company.rows["V_IS_ACCOUNT"].clear()
    assert (await house.sync())["state"] == "done"
    company.rows["V_IS_ACCOUNT"].extend(accounts)
    await house.sync()
    company.rows["V_IS_ACCOUNT"].clear()
    await assert_held(house, "V_IS_ACCOUNT is empty")


async def test_a_shrunken_view_holds_the_run(house, company):
    for number in range(96):
        company.person(f"1{number:03}", "甲乙")
    house.configure(hold_below_percent=95.0)
    await house.sync()
    for number in range(6):
        company.remove("NAME", emplid=f"1{number:03}")
    await assert_held(house, "V_IS_NAME has 94 rows, the last good reading had 100 (hold_below_percent = 95)")

    house.configure(hold_below_percent=94.0)
    assert (await house.sync())["state"] == "done"


async def test_too_many_terminations_hold_the_run(house, company):
    for number in range(25):
        company.person(f"1{number:03}", "甲乙")
    await house.sync()
    for number in range(21):
        company.job(f"1{number:03}", date(2026, 11, 1), empl_status="T")
    await assert_held(house, "the work of 21 of 29 people would end")

    company.remove("JOB", emplid="1000", empl_status="T")
    assert (await house.sync())["state"] == "done"


async def test_people_who_vanish_count_as_terminated(house, company):
    house.configure(hold_terminations=0, hold_terminations_percent=0.0)
    await house.sync()
    for view in ("PERSON", "NAME", "ACCOUNT", "CONTACT", "JOB"):
        company.remove(view, emplid="0004")
    await assert_held(house, "the work of 1 of 4 people would end")


async def test_terminations_that_were_keyed_ahead_hold_nothing(house, company):
    house.configure(hold_terminations=0, hold_terminations_percent=0.0)
    company.job("0004", date(2026, 11, 24), empl_status="T")
    await house.sync()
    house.present += timedelta(days=1)
    company.clock += timedelta(days=1)

    assert (await house.sync())["state"] == "done"
    assert (await house.employee("0004")).status == "leaver"


async def test_vanished_departments_hold_the_run(house, company):
    for number in range(6):
        company.department(f"X{number}", "x", "D1")
    await house.sync()
    for number in range(6):
        company.remove("DEPT", deptid=f"X{number}")
        company.remove("DEPT_TREE", tree_node=f"X{number}")
    await assert_held(house, "6 departments vanished")

    house.configure(hold_departments_gone=6)
    assert (await house.sync())["state"] == "done"


async def test_too_many_bad_rows_hold_the_run(house, company):
    await house.sync()
    company.add("PERSON", emplid=" ")
    house.configure(hold_quarantined_percent=0.5)
    await assert_held(house, "rows break a rule (hold_quarantined_percent = 0.5)")
    assert await house.rules() == [("V_IS_PERSON", "missing_emplid")]


async def test_a_source_whose_clock_stands_holds_the_run(house, company):
    await house.sync()
    house.present += timedelta(hours=26, minutes=1)
    await assert_held(house, "26.0 hours ago")
