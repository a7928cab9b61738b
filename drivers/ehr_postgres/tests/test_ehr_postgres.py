"""What the driver does when the other side is not as it should be."""

from datetime import UTC, date, datetime, timedelta

import asyncpg
import attrs
import pytest

from serai import DeviceDown, PluginError, Secret
from serai_ehr import Changed
from serai_ehr.conformance import read_view
from serai_ehr.views import ACCOUNT, DEPT, JOB, NAME, NID, PERSON
from serai_ehr_postgres.driver import PostgresSettings, connect, register_drivers


async def test_a_connection_cut_in_the_middle_is_told_and_the_next_reading_works(source, hr, link):
    async with source.open() as reading:
        batches = reading.batches(JOB, size=10)
        await anext(batches)
        await hr.connection.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name = 'serai ehr'"
        )
        with pytest.raises(DeviceDown, match=r"device ehr: PostgreSQL went away .* reading V_IS_JOB"):
            async for _ in batches:
                pass
    async with source.open() as reading:
        assert await read_view(reading, JOB)
    assert link.reasons == []


async def test_a_source_that_cannot_be_reached_any_more_says_that_it_is_lost(hr, role, link, settings):
    dsn = await role("visitor")
    async with connect(attrs.evolve(settings, dsn=Secret(dsn)), link) as source:
        await role.server.execute("alter role visitor connection limit 0")
        await role.server.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name = 'serai ehr'"
        )
        with pytest.raises(DeviceDown, match="did not answer while"):
            await source.check()
        with pytest.raises(DeviceDown, match="did not answer while connecting"):
            await source.check()
    assert link.reasons


async def test_a_server_that_is_not_there_is_down(link, tmp_path):
    settings = PostgresSettings(dsn=Secret(f"postgresql://serai:hidden@/x?host={tmp_path}"))
    with pytest.raises(DeviceDown, match="did not answer while connecting") as told:
        async with connect(settings, link):
            pass
    assert "hidden" not in str(told.value)


async def test_an_address_that_is_none_is_refused_without_showing_it(link):
    with pytest.raises(PluginError, match="dsn is not a PostgreSQL address") as told:
        async with connect(PostgresSettings(dsn=Secret("oracle://serai:hidden@hr/x")), link):
            pass
    assert "hidden" not in str(told.value)


async def test_a_view_without_grant_is_named_and_the_others_are_read(hr, role, link, settings):
    dsn = await role("reader")
    await hr.connection.execute("grant usage on schema hr to reader")
    await hr.connection.execute("grant select on all tables in schema hr to reader")
    await hr.connection.execute("revoke select on hr.v_is_nid from reader")
    async with connect(attrs.evolve(settings, dsn=Secret(dsn)), link) as source:
        (fault,) = await source.check()
        assert (fault.view, fault.column, fault.found) == ("V_IS_NID", None, "permission denied")
        async with source.open() as reading:
            assert await read_view(reading, ACCOUNT)
            with pytest.raises(PluginError, match="V_IS_NID: expected the right to SELECT"):
                await read_view(reading, NID)


async def test_a_column_without_grant_is_named(hr, role, link, settings):
    dsn = await role("clerk")
    await hr.connection.execute("grant usage on schema hr to clerk")
    await hr.connection.execute("grant select on all tables in schema hr to clerk")
    await hr.connection.execute("revoke select on hr.v_is_person from clerk")
    await hr.connection.execute("grant select (emplid, sex, highest_educ_lvl, lastupddttm) on hr.v_is_person to clerk")
    async with connect(attrs.evolve(settings, dsn=Secret(dsn)), link) as source:
        (fault,) = await source.check()
    assert (fault.view, fault.column, fault.found) == ("V_IS_PERSON", "BIRTHDATE", "permission denied")


async def test_a_view_that_is_not_as_agreed_is_not_read(source, hr):
    await hr.rename_column(JOB, "SUPERVISOR_ID", "BOSS_ID")
    async with source.open() as reading:
        with pytest.raises(PluginError, match=r"V_IS_JOB\.SUPERVISOR_ID: .*boss_id"):
            await read_view(reading, JOB)


async def test_a_view_that_fails_while_it_is_read_is_told(source, hr):
    await hr.connection.execute(
        """create or replace view hr.v_is_account as
        select emplid, rtx_id, ad_account, (lastupddttm + interval '1 day' / (length(rtx_id) * 0))::timestamp(0)
        as lastupddttm from hr.is_account"""
    )
    async with source.open() as reading:
        with pytest.raises(PluginError, match=r"refused reading V_IS_ACCOUNT \(division by zero\)"):
            await read_view(reading, ACCOUNT)


async def test_a_view_that_takes_too_long_is_given_up(hr, link, settings):
    await hr.connection.execute(
        """create or replace view hr.v_is_account as
        select emplid, rtx_id, ad_account, lastupddttm from hr.is_account, (select pg_sleep(30)) as slow"""
    )
    async with connect(attrs.evolve(settings, statement_timeout=0.2), link) as source, source.open() as reading:
        with pytest.raises(DeviceDown, match=r"gave up reading V_IS_ACCOUNT .*statement_timeout"):
            await read_view(reading, ACCOUNT)


async def test_views_may_have_other_names_in_other_schemas_and_upper_case(hr, link, settings):
    await hr.connection.execute('create schema "Peoplesoft"; alter view hr.v_is_job set schema "Peoplesoft"')
    await hr.connection.execute('alter view "Peoplesoft".v_is_job rename to "HR_JOB"')
    await hr.connection.execute('alter view hr.v_is_dept rename to "V_IS_DEPT"')
    await hr.connection.execute('alter view hr."V_IS_DEPT" rename column deptid to "DEPTID"')
    elsewhere = attrs.evolve(settings, views={"V_IS_JOB": "Peoplesoft.hr_job"})
    async with connect(elsewhere, link) as source:
        assert await source.check() == []
        async with source.open() as reading:
            assert await read_view(reading, JOB)
            assert await read_view(reading, DEPT)


async def test_types_that_came_from_oracle_are_understood(source, hr, specimen):
    await hr.connection.execute(
        """drop view hr.v_is_job; create view hr.v_is_job as select emplid::char(11), empl_rcd::numeric,
        effdt::timestamp, effseq + 0.5 as effseq, per_org, hr_status, empl_status, action, action_reason, job_indicator,
        setid_dept, deptid, setid_jobcode, jobcode, setid_location, location, position_nbr, supervisor_id, company,
        business_unit, grade, reg_temp, full_part_time, hire_dt, last_hire_dt, termination_dt, last_date_worked,
        expected_end_date, timestamptz '2026-01-01 00:00+00' as lastupddttm from hr.ps_job"""
    )
    assert await source.check() == []
    async with source.open() as reading:
        row = (await read_view(reading, JOB))[0]
    assert row[0] == f"{specimen[JOB][0][0]:11}"
    assert (row[1], type(row[1])) == (0, int)
    assert type(row[2]) is date
    assert row[3] % 1
    assert row[-1] == datetime(2026, 1, 1, tzinfo=UTC)


async def test_what_changed_is_found_whatever_the_columns_types(source, hr, specimen):
    await hr.connection.execute(
        """drop view hr.v_is_name; create view hr.v_is_name as select emplid, name_type,
        effdt + time '09:30' as effdt, name, last_name, first_name, name_ac, pref_first_name,
        lastupddttm at time zone 'Asia/Shanghai' as lastupddttm from hr.ps_names"""
    )
    day = max(row[2] for row in specimen[NAME])
    stamp = max(row[-1] for row in specimen[NAME])
    async with source.open() as reading:
        of_the_day = Changed(stamp + timedelta(days=1), day - timedelta(days=1), day)
        assert {row[2] for row in await read_view(reading, NAME, changed=of_the_day)} == {day}
        stamped = Changed(stamp.astimezone(UTC), day, day)
        assert {row[-1] for row in await read_view(reading, NAME, changed=stamped)} == {stamp}


async def test_batches_are_no_larger_than_the_setting(hr, link, settings):
    async with connect(attrs.evolve(settings, batch=7), link) as source, source.open() as reading:
        assert {len(batch) async for batch in reading.batches(PERSON)} <= set(range(1, 8))


async def test_a_reading_cannot_write(source):
    async with source.open() as reading:
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await reading._connection.execute("create table hr.mine (a int)")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"views": {"V_IS_JOBS": "hr.x"}}, "V_IS_JOBS is no view of the contract"),
        ({"views": {"V_IS_JOB": "x"}}, 'should be "schema.view"'),
        ({"zone": "Mars"}, "no time zone"),
        ({"batch": 0}, "batch"),
    ],
)
def test_wrong_settings_are_named(wrong, said):
    with pytest.raises(ValueError, match=said):
        PostgresSettings(dsn=Secret("postgresql://"), **wrong)


def test_it_is_declared():
    (driver,) = register_drivers()
    assert (driver.kind, driver.name, driver.settings, driver.exclusive) == (
        "ehr",
        "ehr_postgres",
        PostgresSettings,
        False,
    )
