"""The driver on a real Oracle: `pytest drivers/ehr_oracle --oracle-dsn user/password@host:1521/service`.

The account has the views of the contract, or synonyms for them, with whatever rows there are; nothing is written.
"""

from datetime import UTC, date, datetime, timedelta

import attrs
import oracledb
import pytest

from serai import DeviceDown, PluginError, Secret
from serai_ehr import VIEWS, Changed
from serai_ehr.conformance import EhrSourceConformance, read_view
from serai_ehr.views import JOB, STAMP
from serai_ehr_oracle.driver import OracleSettings, connect


@pytest.fixture
def settings(request):
    account, _, address = request.config.getoption("--oracle-dsn").rpartition("@")
    user, _, password = account.partition("/")
    return OracleSettings(dsn=address, user=user, password=Secret(password))


@pytest.fixture
async def source(settings, link):
    async with connect(settings, link) as connected:
        yield connected


async def test_the_views_are_as_agreed(source):
    assert await source.check() == []


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
async def test_values_have_the_types_of_their_columns(source, view):
    await EhrSourceConformance().test_values_have_the_types_of_their_columns(source, view)


async def test_what_changed_lately_is_what_is_stamped_lately(source):
    async with source.open() as reading:
        assert abs(reading.clock - datetime.now(UTC)) < timedelta(days=1)
        place = JOB.column_names.index(STAMP)
        everything = await read_view(reading, JOB)
        since = max(row[place] for row in everything if row[place]) - timedelta(days=7)
        never = date(2999, 1, 1)
        found = await read_view(reading, JOB, changed=Changed(since, never, never))
    assert found == [row for row in everything if row[place] and row[place] >= since]


async def test_a_reading_cannot_write(source):
    async with source.open() as reading:
        with pytest.raises(oracledb.DatabaseError, match="ORA-01456"):
            await reading._connection.execute("delete from V_IS_JOB")


async def test_an_answer_that_takes_too_long_is_given_up(settings, link):
    async with connect(attrs.evolve(settings, statement_timeout=0.001), link) as source:
        with pytest.raises(DeviceDown, match="did not answer in time"):
            await source.check()


async def test_a_wrong_password_is_told(settings, link):
    with pytest.raises(PluginError, match="ORA-01017"):
        async with connect(attrs.evolve(settings, password=Secret("wrong")), link):
            pass
