"""Ten thousand people with histories from 1985 on, read through the driver, are what their source says."""

import os
from collections import Counter
from datetime import date
from pathlib import Path

import asyncpg
import pytest
from tests.real_input import expected, load

from serai import Secret
from serai_ehr.conformance import read_view
from serai_ehr.views import DEPT, JOB, JOBCODE, PERSON, RELATION
from serai_ehr_postgres.driver import PostgresSettings, connect

FOLDER = Path(os.environ.get("SERAI_TEST_EMPLOYEES") or Path(__file__).parents[3] / "shared" / "data" / "employees")

pytestmark = [
    pytest.mark.sample_data,
    pytest.mark.skipif(
        not (FOLDER / "employee.csv").exists(),
        reason=f"no sample data in {FOLDER} (SERAI_TEST_EMPLOYEES names the folder)",
    ),
]


class Device:
    """What the driver gets of a kernel."""

    name = "ehr"
    log = None

    def lost(self, reason):
        raise AssertionError(reason)


@pytest.fixture
async def sample(database_url):
    await load.load(FOLDER, database_url)
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


async def read(database_url, *views):
    """The views as the driver gives them, each row a dict."""
    async with connect(PostgresSettings(dsn=Secret(database_url), schema="hr"), Device()) as source:
        assert await source.check() == []
        async with source.open() as reading:
            return [
                [dict(zip(view.column_names, row, strict=True)) for row in await read_view(reading, view)]
                for view in views
            ]


def in_force(jobs, day):
    """EMPLID -> the JOB row in force on a day, by the rule of effective dates."""
    rows = {}
    for row in sorted(jobs, key=lambda row: (row["EMPLID"], row["EFFDT"], row["EFFSEQ"])):
        if row["EFFDT"] <= day:
            rows[row["EMPLID"]] = row
    return {emplid: row for emplid, row in rows.items() if row["HR_STATUS"] == "A"}


async def test_what_the_driver_gives_is_what_the_source_says(database_url, sample):
    people, jobs, jobcodes, departments, relations = await read(database_url, PERSON, JOB, JOBCODE, DEPT, RELATION)
    assert len(people) == 10_000
    title_of = {row["JOBCODE"]: row["DESCR"] for row in jobcodes}
    for day in expected.DAYS:
        current = in_force(jobs, day)
        assert Counter(row["DEPTID"] for row in current.values()) == await expected.heads_per_department(sample, day)
        assert {emplid: title_of[row["JOBCODE"]] for emplid, row in current.items()} == await expected.titles(
            sample, day
        )

    left = {row["EMPLID"]: row["TERMINATION_DT"] for row in jobs if row["ACTION"] == "TER"}
    assert left == await expected.leavers(sample)
    leaders = await expected.managers(sample)
    assert {row["SCOPE_ID"]: row["EMPLID"] for row in relations if row["RELATION"] == "LEADER"} == leaders
    assert {row["DEPTID"]: row["MANAGER_ID"] for row in departments if row["DEPTID"] != "d000"} == leaders


async def test_changes_of_one_day_get_their_own_sequence(database_url, sample):
    (jobs,) = await read(database_url, JOB)
    later = [row for row in jobs if row["EFFSEQ"] > 0]
    assert {row["ACTION"] for row in later} <= {"PRO"}
    both = await sample.fetchval(
        """select count(*) from sample.dept_emp d join sample.title t using (emp_no, from_date)
        where from_date > (select min(from_date) from sample.dept_emp e where e.emp_no = d.emp_no)"""
    )
    assert len(later) == both


@pytest.mark.parametrize(
    ("table", "row"),
    [
        ("dept_emp", ("10001", "d006", date(1990, 1, 1), date(9999, 1, 1))),
        ("title", ("10002", "Staff", date(2010, 1, 1), date(2012, 1, 1))),
    ],
)
async def test_data_that_the_rule_does_not_cover_is_refused(database_url, table, row):
    connection = await asyncpg.connect(database_url)
    try:
        await load.load_source(connection, FOLDER)
        await connection.copy_records_to_table(table, schema_name="sample", records=[row])
        with pytest.raises(ValueError, match=row[0]):
            await load.refuse_surprises(connection)
    finally:
        await connection.close()
