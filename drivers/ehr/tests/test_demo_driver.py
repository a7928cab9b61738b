"""The simulator as a device: its settings, and its own clock."""

from datetime import UTC, date, datetime, timedelta

import pytest

from serai import PluginError
from serai_ehr import VIEWS, Changed, Source
from serai_ehr.conformance import read_view
from serai_ehr.demo.clock import ZONE
from serai_ehr.demo.company import Company
from serai_ehr.demo.driver import EPOCH, DemoSettings, DemoSource, connect, register_drivers
from serai_ehr.views import PERSON


class Device:
    """What the driver gets of a kernel."""

    name = "ehr"

    def __init__(self):
        self.log = self
        self.lines = []

    def info(self, event, **values):
        self.lines.append((event, values))

    def lost(self, reason):
        raise AssertionError(reason)


async def test_it_lives_in_real_time():
    async with connect(DemoSettings(size=40), Device()) as source:
        assert isinstance(source, Source)
        before = datetime.now(UTC) - timedelta(seconds=1)
        async with source.open() as reading:
            assert before <= reading.clock <= datetime.now(UTC)
            assert len(await read_view(reading, PERSON)) >= 40


async def test_it_lives_faster_from_an_epoch_on():
    began = datetime.now(UTC) - timedelta(hours=1)
    settings = DemoSettings(size=40, epoch=began, pace=24 * 30)
    async with connect(settings, Device()) as source, source.open() as reading:
        assert reading.clock - began >= timedelta(days=30)


async def test_two_processes_see_the_same_company():
    settings = DemoSettings(size=40, epoch=datetime(2026, 1, 1, tzinfo=ZONE))
    async with (
        connect(settings, Device()) as one,
        connect(settings, Device()) as other,
        one.open() as first,
        other.open() as second,
    ):
        assert await read_view(first, PERSON) == await read_view(second, PERSON)


async def test_an_epoch_without_a_zone_is_shanghais():
    aware = datetime.now(ZONE) - timedelta(days=1)
    async with (
        connect(DemoSettings(size=20, pace=10, epoch=aware), Device()) as one,
        connect(DemoSettings(size=20, pace=10, epoch=aware.replace(tzinfo=None)), Device()) as other,
        one.open() as first,
        other.open() as second,
    ):
        assert abs(first.clock - second.clock) < timedelta(days=1)


async def test_a_pace_without_an_epoch_is_refused_with_a_hint():
    with pytest.raises(PluginError, match=r"device ehr: pace = 60 needs an epoch .*epoch = \d{4}-"):
        async with connect(DemoSettings(pace=60), Device()):
            pass


@pytest.mark.parametrize("wrong", [{"size": 5}, {"size": 10**7}, {"pace": 0}, {"pace": 10**9}])
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        DemoSettings(**wrong)


def test_it_is_declared():
    (driver,) = register_drivers()
    assert (driver.kind, driver.name, driver.settings) == ("ehr", "ehr_demo", DemoSettings)


async def test_what_changed_in_a_week_is_all_among_what_changed():
    company = Company(size=120, seed=7, epoch=EPOCH)
    moments = [datetime(2026, 6, 15, 12, tzinfo=ZONE)]
    source = DemoSource(company, lambda: moments[-1])
    async with source.open() as reading:
        before = {view: set(await read_view(reading, view)) for view in VIEWS}
    moments.append(moments[0] + timedelta(days=7))
    changed = Changed(moments[0], moments[0].date(), moments[1].date())
    async with source.open() as reading:
        for view in VIEWS:
            new = set(await read_view(reading, view)) - before[view]
            assert new <= set(await read_view(reading, view, changed=changed)), view.name


def test_a_moment_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="has no time zone"):
        Changed(datetime(2026, 1, 1), date(2026, 1, 1), date(2026, 1, 2))  # noqa: DTZ001 that is the mistake
