"""What the driver does when the other side is not as it should be."""

import socket
from datetime import UTC, timedelta

import attrs
import oracledb
import pytest

from serai import DeviceDown, PluginError, Secret
from serai_ehr import Changed
from serai_ehr.conformance import SPECIMEN_MOMENT, in_key_order, read_view
from serai_ehr.views import ACCOUNT, DEPT, JOB, LOCATION, NAME, PERSON
from serai_ehr_oracle.driver import OracleSettings, connect, register_drivers
from serai_ehr_oracle.testing import oracle_stand_in


async def test_a_connection_cut_in_the_middle_of_a_fetch_is_told_and_the_next_reading_works(source, oracle, link):
    async with source.open() as reading:
        batches = reading.batches(JOB, size=10)
        await anext(batches)
        oracle.cut()
        with pytest.raises(DeviceDown, match=r"device ehr: Oracle went away while reading V_IS_JOB \(DPY-4011\)"):
            async for _ in batches:
                pass
    async with source.open() as reading:
        assert await read_view(reading, JOB)
    assert link.reasons == []


async def test_an_answer_that_takes_too_long_is_given_up_and_the_next_reading_works(oracle, link, settings):
    async with connect(attrs.evolve(settings, statement_timeout=0.2), link) as source:
        async with source.open() as reading:
            oracle.stop_answering()
            with pytest.raises(DeviceDown, match="did not answer in time while reading V_IS_JOB"):
                await read_view(reading, JOB)
        oracle.answer_again()
        async with source.open() as reading:
            assert await read_view(reading, ACCOUNT)


async def test_a_source_that_cannot_be_reached_any_more_says_that_it_is_lost(source, oracle, link):
    oracle.go_down()
    with pytest.raises(DeviceDown, match="cannot be reached: nothing listens there while connecting"):
        await source.check()
    assert len(link.reasons) == 1
    oracle.come_up()
    assert await source.check() == []


async def test_a_host_that_is_not_there_is_down(link, settings):
    with pytest.raises(DeviceDown, match="host name that is not known"):
        async with connect(attrs.evolve(settings, dsn="tcps://hr.invalid:2484/HR"), link):
            pass


async def test_a_listener_that_says_nothing_is_down(link, settings):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        dsn = f"127.0.0.1:{silent.getsockname()[1]}/HR"
        with pytest.raises(DeviceDown, match="did not answer in time while connecting"):
            async with connect(attrs.evolve(settings, dsn=dsn, connect_timeout=0.2), link):
                pass


async def test_tcps_trusts_the_wallets_authority_and_no_other(oracle, link, settings, certificate):
    with oracle_stand_in(oracle.path, tls=certificate.server) as secured:
        over_tls = attrs.evolve(settings, dsn=f"tcps://localhost:{secured.port}/HR")
        async with connect(attrs.evolve(over_tls, wallet=certificate.wallet), link) as source:
            assert await source.check() == []
        with pytest.raises(PluginError, match="certificate that is not trusted"):
            async with connect(over_tls, link):
                pass
        named = attrs.evolve(over_tls, wallet=certificate.wallet, server_dn="CN=another")
        with pytest.raises(PluginError, match="certificate of another name"):
            async with connect(named, link):
                pass


@pytest.mark.parametrize("wrong", [{"password": Secret("hidden")}, {"user": "HIDDEN"}])
async def test_a_wrong_user_or_password_is_told_without_showing_it(link, settings, wrong):
    with pytest.raises(PluginError, match=r"refused the user's name or password .*\(ORA-01017\)") as told:
        async with connect(attrs.evolve(settings, **wrong), link):
            pass
    assert "hidden" not in repr(told.value).lower()
    assert told.value.__cause__ is None


@pytest.mark.parametrize("dsn", ["HRPROD", "(DESCRIPTION=hidden", "host:port/x"])
async def test_an_address_that_is_none_is_told_with_how_to_write_one(link, settings, dsn):
    with pytest.raises(PluginError, match="not found by this dsn") as told:
        async with connect(attrs.evolve(settings, dsn=dsn), link):
            pass
    assert "tcps://host:port/service" in told.value.hint
    assert "hidden" not in str(told.value)


async def test_an_error_that_may_quote_data_is_told_by_its_code_alone(source, hr):
    hr.remake(ACCOUNT, lambda each: "json(emplid || rtx_id) as rtx_id" if each == "RTX_ID" else each)
    async with source.open() as reading:
        with pytest.raises(PluginError, match=r"refused while reading V_IS_ACCOUNT \(ORA-00900\)") as told:
            await read_view(reading, ACCOUNT)
    assert "json" not in str(told.value)


async def test_a_view_that_is_not_as_agreed_is_not_read(source, hr):
    await hr.rename_column(JOB, "SUPERVISOR_ID", "BOSS_ID")
    async with source.open() as reading:
        with pytest.raises(PluginError, match=r"V_IS_JOB\.SUPERVISOR_ID: .*BOSS_ID"):
            await read_view(reading, JOB)


async def test_a_view_that_is_missing_or_forbidden_is_named_and_the_others_are_read(source, hr):
    await hr.drop(ACCOUNT)
    (fault,) = await source.check()
    assert (fault.expected, fault.found) == ("a view V_IS_ACCOUNT", "none that this account may read (ORA-00942)")
    async with source.open() as reading:
        assert await read_view(reading, PERSON)
        with pytest.raises(PluginError, match="V_IS_ACCOUNT: expected a view"):
            await read_view(reading, ACCOUNT)


async def test_views_may_have_other_names_in_other_schemas(hr, link, settings):
    hr.run("alter table ps_job rename to hr_job")
    elsewhere = attrs.evolve(settings, schema="main", views={"V_IS_JOB": "Main.hr_job", "V_IS_DEPT": "v_is_dept"})
    async with connect(elsewhere, link) as source:
        assert await source.check() == []
        async with source.open() as reading:
            assert await read_view(reading, JOB)
            assert await read_view(reading, DEPT)


async def test_long_texts_and_numbers_that_are_not_whole_arrive_as_they_are(source, hr, specimen):
    text = "龘靐齉𬱖" * 2500
    hr.run(f"update ps_dept_tbl set descr = '{text}' where deptid = 'D00001'")
    hr.run("update ps_job set effseq = 0.5 where emplid = (select min(emplid) from ps_job)")
    async with source.open() as reading:
        departments = await read_view(reading, DEPT)
        jobs = await read_view(reading, JOB)
    assert text in {row[DEPT.column_names.index("DESCR")] for row in departments}
    assert 0.5 in {row[JOB.column_names.index("EFFSEQ")] for row in jobs}


@pytest.mark.parametrize("view", [LOCATION, ACCOUNT, NAME])
async def test_what_changed_is_found_to_the_second_whatever_the_stamps_type(source, specimen, view):
    stamps = sorted({row[-1] for row in specimen[view]})
    since = stamps[len(stamps) // 2]
    late = {"effective_after": SPECIMEN_MOMENT.date(), "effective_to": SPECIMEN_MOMENT.date()}
    async with source.open() as reading:
        from_then = await read_view(reading, view, changed=Changed(since.astimezone(UTC), **late))
        after = await read_view(reading, view, changed=Changed(since + timedelta(seconds=1), **late))
    assert from_then == in_key_order(view, (row for row in specimen[view] if row[-1] >= since))
    assert after == in_key_order(view, (row for row in specimen[view] if row[-1] > since))


async def test_a_reading_cannot_write(source):
    async with source.open() as reading:
        with pytest.raises(oracledb.DatabaseError, match="ORA-01456"):
            await reading._connection.execute("insert into ps_job values (1)")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"dsn": "scott/hidden@hr/x"}, "an address alone"),
        ({"schema": "x; drop"}, "no name of a schema"),
        ({"views": {"V_IS_JOBS": "HR.X"}}, "V_IS_JOBS is no view of the contract"),
        ({"views": {"V_IS_JOB": "a.b.c"}}, 'should be "view" or "schema.view"'),
        ({"zone": "Mars"}, "no time zone"),
        ({"arraysize": 0}, "arraysize"),
    ],
)
def test_wrong_settings_are_named(wrong, said):
    with pytest.raises(ValueError, match=said) as told:
        OracleSettings(**({"dsn": "hr/x", "user": "x", "password": Secret("hidden")} | wrong))
    assert "hidden" not in str(told.value)


def test_it_is_declared():
    (driver,) = register_drivers()
    assert (driver.kind, driver.name, driver.settings, driver.exclusive) == (
        "ehr",
        "ehr_oracle",
        OracleSettings,
        False,
    )
