"""The eight points of effective dating, as people meet them in what is published."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from serai_isapi.problems import EmployeeNotFound
from serai_isapi.sync import roll_over

TODAY = date(2026, 11, 23)


async def test_the_current_row_has_the_latest_date_and_on_that_date_the_highest_sequence(house, company):
    company.job("0003", date(2024, 5, 1), effseq=0, deptid="D1")
    company.job("0003", date(2024, 5, 1), effseq=1, deptid="D2")
    company.job("0003", date(2022, 1, 1), effseq=7, deptid="D3")

    await house.sync()

    assert (await house.employee("0003")).department.deptid == "D2"


async def test_a_joiner_is_published_as_future_by_their_earliest_future_row(house, company):
    company.person("0009", "何新", "D2", effdt=TODAY + timedelta(days=7))
    company.job("0009", TODAY + timedelta(days=90), deptid="D3")

    await house.sync()

    joiner = await house.employee("0009")
    assert (joiner.status, joiner.department.deptid) == ("future", "D2")
    assert "0009" not in await house.search()
    assert "0009" in await house.search(statuses=("active", "future"))


@pytest.mark.parametrize(
    ("second", "department"),
    [
        ({"job_indicator": "P", "deptid": "D2"}, "D2"),  # the primary one, although the other is later
        ({"job_indicator": "S", "deptid": "D2", "effdt": date(2010, 1, 1)}, "D3"),  # the later of two equal ones
        ({"job_indicator": "S", "deptid": "D2", "empl_status": "T", "effdt": date(2026, 1, 1)}, "D3"),  # working first
    ],
)
async def test_of_several_assignments_one_is_published_and_all_are_kept(house, company, second, department):
    company.of("JOB", emplid="0003")[0].update(job_indicator="S", effdt=date(2021, 1, 1))
    company.job("0003", second.pop("effdt", date(2020, 1, 1)), empl_rcd=1, **second)

    await house.sync()

    assert (await house.employee("0003")).department.deptid == department
    assert len(await house.rows("select from isapi.job where emplid = '0003'")) == 2


async def test_setup_tables_are_found_by_setid_and_as_they_are_on_the_day(house, company):
    company.add("DEPT", setid="US", deptid="D3", effdt=date(1990, 1, 1), eff_status="A", descr="Platform (US)")
    company.add("DEPT", setid="CN", deptid="D3", effdt=date(2025, 1, 1), eff_status="A", descr="平台部")
    company.add("DEPT", setid="CN", deptid="D3", effdt=date(2027, 1, 1), eff_status="A", descr="未来部")
    company.add("JOBCODE", setid="US", jobcode="ENG", effdt=date(1900, 1, 1), eff_status="A", descr="Engineer")
    company.person("0009", "Zoe", "D3", setid_dept="US", setid_jobcode="US")

    await house.sync()

    here, there = await house.employee("0003"), await house.employee("0009")
    assert (here.department.name, here.title) == ("平台部", "工程师")
    assert (there.department.name, there.title) == ("Platform (US)", "Engineer")
    assert (await house.employee("0003", as_of=date(2024, 12, 31))).department.name == "平台组"


async def test_a_row_keyed_ahead_becomes_current_by_itself(house, company):
    company.job("0003", TODAY + timedelta(days=1), deptid="D1")
    await house.sync()
    assert (await house.employee("0003")).department.deptid == "D3"

    house.present = datetime(2026, 11, 23, 16, 1, tzinfo=UTC)  # a minute past midnight in Shanghai
    company.down = True
    assert await roll_over(house) is True
    assert await roll_over(house) is False

    assert (await house.employee("0003")).department.deptid == "D1"


async def test_a_sync_publishes_what_time_changed_although_no_row_did(house, company):
    company.job("0003", TODAY + timedelta(days=1), deptid="D1")
    await house.sync()

    house.present += timedelta(days=1)
    company.clock += timedelta(days=1)
    run = await house.sync()

    assert run["state"] == "done"
    assert (await house.employee("0003")).department.deptid == "D1"


async def test_corrected_and_deleted_history_is_followed(house, company):
    moved = company.job("0003", date(2025, 1, 1), deptid="D1")
    company.job("0004", date(2025, 1, 1), deptid="D1")
    await house.sync()

    moved["deptid"] = "D2"
    company.remove("JOB", emplid="0004", effdt=date(2025, 1, 1))
    await house.sync()

    assert (await house.employee("0003")).department.deptid == "D2"
    assert (await house.employee("0004")).department.deptid == "D3"
    assert (await house.employee("0003", as_of=date(2025, 6, 1))).department.deptid == "D2"


async def test_blanks_are_null_and_emplids_keep_their_zeros(house, company):
    company.of("JOB", emplid="0003")[0].update(supervisor_id=" ", grade="P7   ", business_unit="  ")

    await house.sync()

    person = await house.employee("0003")
    assert (person.emplid, person.grade, person.business_unit) == ("0003", "P7", None)
    with pytest.raises(EmployeeNotFound):
        await house.employee("3")


async def test_of_two_rows_with_one_key_neither_is_believed_and_the_last_good_one_stays(house, company):
    await house.sync()

    company.of("JOB", emplid="0003")[0].update(deptid="D1")
    company.job("0003", deptid="D2")
    run = await house.sync()

    assert run["state"] == "done"
    assert await house.rules() == [("V_IS_JOB", "duplicate_key")] * 2
    assert (await house.employee("0003")).department.deptid == "D3"


async def test_days_begin_in_shanghai_and_sentinel_dates_are_none(house, company):
    company.job("0003", date(2026, 11, 24), deptid="D1")
    company.of("JOB", emplid="0004")[0].update(expected_end_date=date(9999, 12, 31), last_hire_dt=date(1900, 1, 1))
    company.of("DEPT", deptid="D3")[0].update(effdt=date(1900, 1, 1))

    house.present = datetime(2026, 11, 23, 15, 59, tzinfo=UTC)
    await house.sync()
    assert (await house.employee("0003")).department.deptid == "D3"
    house.present = datetime(2026, 11, 23, 16, 0, tzinfo=UTC)
    await house.sync()
    assert (await house.employee("0003")).department.deptid == "D1"

    other = await house.employee("0004")
    assert (other.expected_end_date, other.last_hire_date) == (None, None)
    assert other.department.name == "平台组"
