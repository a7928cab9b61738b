"""The conformance tests of the kind `ehr`: any driver's test-suite inherits them and gives fixtures.

    class TestOurDriver(EhrSourceConformance):
        @pytest.fixture
        async def source(self, specimen): ...   # a connected Source that holds the rows of `specimen`
        @pytest.fixture
        def change(self, source): ...           # awaiting change() makes the source hold other rows

`specimen` is a small company with all that real data has (blanks, NULLs, leading zeros, Chinese and other letters,
several rows a day, several records a person): load it where the driver reads, and what the driver gives must equal it.
Drivers that read views made by others inherit `EhrViewsConformance` too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from datetime import date, datetime, timedelta
from typing import Protocol

import attrs
import pytest

from serai import SeraiError
from serai_ehr.changed import Changed
from serai_ehr.demo.clock import ZONE
from serai_ehr.demo.company import Company
from serai_ehr.demo.driver import EPOCH
from serai_ehr.demo.rows import rows
from serai_ehr.source import Reading, Row, Source
from serai_ehr.views import ACCOUNT, CONTACT, DEPT, DEPT_TREE, JOB, NAME, PERSON, STAMP, VIEWS, View

SPECIMEN_MOMENT = datetime(2026, 6, 15, 12, tzinfo=ZONE)

Specimen = dict[View, list[Row]]
Change = Callable[[], Awaitable[None]]

_TYPES = {"text": str, "integer": int, "date": date, "timestamp": datetime}


def make_specimen(*, size: int = 120, seed: int = 7) -> Specimen:
    """The rows of every view of a small company at `SPECIMEN_MOMENT`: the same ones in every process."""
    company = Company(size=size, seed=seed, epoch=EPOCH)
    company.advance(SPECIMEN_MOMENT)
    snapshot = company.snapshot()
    return {view: list(rows(snapshot, view)) for view in VIEWS}


NEVER = Changed(SPECIMEN_MOMENT + timedelta(days=36_500), date(2999, 1, 1), date(2999, 1, 1))
"""Nothing is stamped this late, and no day lies between a day and itself."""


async def read_view(reading: Reading, view: View, *, size: int = 1000, changed: Changed | None = None) -> list[Row]:
    """The rows of a view, sorted by its key (columns that the key names are never NULL)."""
    found = [row async for batch in reading.batches(view, size=size, changed=changed) for row in batch]
    return in_key_order(view, found)


def in_key_order(view: View, found: Iterable[Row]) -> list[Row]:
    """The rows sorted by the view's key."""
    places = [view.column_names.index(name) for name in view.key]
    return sorted((tuple(row) for row in found), key=lambda row: [row[place] for place in places])


class EhrSourceConformance:
    """What every driver of the kind must do; needs the fixtures `source` and `change`, in the class or a conftest."""

    @pytest.fixture(scope="class")
    @classmethod
    def specimen(cls) -> Specimen:
        """The rows that `source` holds."""
        return make_specimen()

    def test_it_is_a_source(self, source: Source) -> None:
        assert isinstance(source, Source)

    async def test_a_good_source_has_no_faults(self, source: Source) -> None:
        assert await source.check() == []

    @pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
    async def test_rows_arrive_as_the_source_holds_them(self, source: Source, specimen: Specimen, view: View) -> None:
        async with source.open() as reading:
            assert await read_view(reading, view) == in_key_order(view, specimen[view])

    @pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
    async def test_values_have_the_types_of_their_columns(self, source: Source, view: View) -> None:
        async with source.open() as reading:
            found = await read_view(reading, view)
        for place, column in enumerate(view.columns):
            kinds = {type(row[place]) for row in found} - {type(None)}
            assert kinds <= {_TYPES[column.type]}, column.name
            if column.type == "timestamp":
                assert all(row[place].utcoffset() is not None for row in found if row[place]), column.name

    async def test_blanks_nulls_zeros_and_letters_survive(self, source: Source) -> None:
        async with source.open() as reading:
            jobs = await read_view(reading, JOB)
            names = await read_view(reading, NAME)
        assert any(row[JOB.column_names.index("ACTION_REASON")] == " " for row in jobs)
        assert any(row[JOB.column_names.index("TERMINATION_DT")] is None for row in jobs)
        assert all(row[0].startswith("0") for row in jobs)
        assert any(
            "\u4e00" <= letter <= "\u9fff" for row in names for letter in row[NAME.column_names.index("NAME_AC")]
        )

    @pytest.mark.parametrize("size", [1, 7, 1000])
    async def test_batches_are_never_larger_than_asked_for_nor_empty(
        self, source: Source, specimen: Specimen, size: int
    ) -> None:
        async with source.open() as reading:
            sizes = [len(batch) async for batch in reading.batches(DEPT, size=size)]
        assert sum(sizes) == len(specimen[DEPT])
        assert all(0 < count <= size for count in sizes)

    @pytest.mark.parametrize("view", [view for view in VIEWS if view.stamped], ids=lambda view: view.name)
    async def test_rows_stamped_since_then_are_read(self, source: Source, specimen: Specimen, view: View) -> None:
        place = view.column_names.index(STAMP)
        stamps = sorted(row[place] for row in specimen[view])
        since = stamps[len(stamps) * 3 // 4]  # a stamp of some row: the moment itself is asked for too
        async with source.open() as reading:
            found = await read_view(reading, view, changed=attrs.evolve(NEVER, since=since))
        assert found == in_key_order(view, (row for row in specimen[view] if row[place] >= since))
        assert found

    @pytest.mark.parametrize("view", [JOB, DEPT, NAME], ids=lambda view: view.name)
    async def test_rows_whose_day_has_come_are_read(self, source: Source, specimen: Specimen, view: View) -> None:
        place = view.column_names.index("EFFDT")
        days = sorted({row[place] for row in specimen[view]})
        after, to = days[len(days) // 4], days[len(days) // 2]
        async with source.open() as reading:
            found = await read_view(reading, view, changed=attrs.evolve(NEVER, effective_after=after, effective_to=to))
        assert found == in_key_order(view, (row for row in specimen[view] if after < row[place] <= to))
        assert {row[place] for row in found} >= {to}

    async def test_either_reason_is_enough(self, source: Source, specimen: Specimen) -> None:
        stamp, day = (JOB.column_names.index(name) for name in (STAMP, "EFFDT"))
        since = SPECIMEN_MOMENT - timedelta(days=90)
        today = SPECIMEN_MOMENT.date()
        lately = Changed(since, today - timedelta(days=90), today)
        async with source.open() as reading:
            found = await read_view(reading, JOB, size=3, changed=lately)
        reasons = [(row[stamp] >= since, lately.effective_after < row[day] <= today) for row in specimen[JOB]]
        assert found == in_key_order(JOB, (row for row, why in zip(specimen[JOB], reasons, strict=True) if any(why)))
        assert {(True, False), (False, True)} <= set(reasons)

    async def test_where_nothing_changed_nothing_is_read(self, source: Source) -> None:
        async with source.open() as reading:
            assert [await read_view(reading, view, changed=NEVER) for view in (PERSON, JOB, CONTACT)] == [[], [], []]

    async def test_a_view_without_stamps_is_read_whole(self, source: Source, specimen: Specimen) -> None:
        async with source.open() as reading:
            found = await read_view(reading, DEPT_TREE, changed=NEVER)
        assert found == in_key_order(DEPT_TREE, specimen[DEPT_TREE])

    async def test_a_reading_does_not_see_a_change_that_happens_meanwhile(self, source: Source, change: Change) -> None:
        async with source.open() as reading:
            before = await self._everything(reading)
            await change()
            assert await self._everything(reading) == before
        async with source.open() as reading:
            assert await self._everything(reading) != before

    async def test_a_change_in_the_middle_of_a_view_is_not_seen_halfway(
        self, source: Source, specimen: Specimen, change: Change
    ) -> None:
        async with source.open() as reading:
            batches = reading.batches(PERSON, size=5)
            found = [*await anext(batches)]
            await change()
            found += [row async for batch in batches for row in batch]
        assert in_key_order(PERSON, found) == in_key_order(PERSON, specimen[PERSON])

    async def test_readings_follow_one_another(self, source: Source) -> None:
        clocks = []
        for _ in range(10):
            async with source.open() as reading:
                clocks.append(reading.clock)
                assert await read_view(reading, ACCOUNT)
        assert clocks == sorted(clocks)
        assert all(clock.utcoffset() is not None for clock in clocks)

    async def test_a_reading_left_in_the_middle_lets_go(self, source: Source) -> None:
        for _ in range(10):
            async with source.open() as reading:
                await anext(reading.batches(JOB, size=3))
        async with source.open() as reading:
            assert await read_view(reading, ACCOUNT)

    async def test_a_reading_in_which_something_raises_lets_go(self, source: Source) -> None:
        async def fail() -> None:
            async with source.open() as reading:
                await anext(reading.batches(JOB, size=3))
                raise ZeroDivisionError

        for _ in range(10):
            with pytest.raises(ZeroDivisionError):
                await fail()
        async with source.open() as reading:
            assert await read_view(reading, ACCOUNT)

    async def test_a_reading_that_is_over_refuses(self, source: Source) -> None:
        async with source.open() as reading:
            pass
        with pytest.raises(SeraiError):
            await anext(reading.batches(JOB))

    async def _everything(self, reading: Reading) -> list[list[Row]]:
        return [await read_view(reading, view) for view in VIEWS]


class ViewsOwner(Protocol):
    """The other side: who made the views and may spoil them."""

    async def drop(self, view: View) -> None:
        """Take the whole view away."""

    async def drop_column(self, view: View, column: str) -> None:
        """Take one column away."""

    async def rename_column(self, view: View, column: str, name: str) -> None:
        """Give one column another name."""

    async def retype_column(self, view: View, column: str) -> None:
        """Make a text column a number, or any other column a text."""


class EhrViewsConformance:
    """What drivers that read other people's views must do besides; needs `source` and `owner`, a `ViewsOwner`."""

    async def test_a_missing_view_is_named(self, source: Source, owner: ViewsOwner) -> None:
        await owner.drop(ACCOUNT)
        faults = await source.check()
        assert [(fault.view, fault.column) for fault in faults] == [("V_IS_ACCOUNT", None)]

    async def test_a_missing_column_is_named(self, source: Source, owner: ViewsOwner) -> None:
        await owner.drop_column(JOB, "SUPERVISOR_ID")
        faults = await source.check()
        assert [(fault.view, fault.column) for fault in faults] == [("V_IS_JOB", "SUPERVISOR_ID")]

    async def test_a_renamed_column_is_named_with_its_new_name(self, source: Source, owner: ViewsOwner) -> None:
        await owner.rename_column(JOB, "SUPERVISOR_ID", "BOSS_ID")
        (fault,) = await source.check()
        assert (fault.view, fault.column) == ("V_IS_JOB", "SUPERVISOR_ID")
        assert "BOSS_ID" in fault.found.upper()

    async def test_of_many_new_names_the_one_that_looks_like_it_is_told(
        self, source: Source, owner: ViewsOwner
    ) -> None:
        await owner.rename_column(JOB, "SUPERVISOR_ID", "SUPERVISORID")
        await owner.rename_column(JOB, "GRADE", "PAY_LEVEL")
        faults = {fault.column: fault.found.upper() for fault in await source.check()}
        assert set(faults) == {"SUPERVISOR_ID", "GRADE"}
        assert "SUPERVISORID" in faults["SUPERVISOR_ID"]
        assert "PAY_LEVEL" not in faults["SUPERVISOR_ID"]

    @pytest.mark.parametrize("column", ["EFFDT", "EFFSEQ", "LASTUPDDTTM"])
    async def test_a_wrong_type_is_named_with_both_types(self, source: Source, owner: ViewsOwner, column: str) -> None:
        await owner.retype_column(JOB, column)
        (fault,) = await source.check()
        assert (fault.view, fault.column) == ("V_IS_JOB", column)
        assert fault.expected
        assert fault.found

    async def test_all_faults_are_told_at_once(self, source: Source, owner: ViewsOwner) -> None:
        await owner.drop(ACCOUNT)
        await owner.retype_column(JOB, "EFFDT")
        await owner.rename_column(DEPT, "MANAGER_ID", "MANAGER")
        assert {fault.view for fault in await source.check()} == {"V_IS_ACCOUNT", "V_IS_JOB", "V_IS_DEPT"}
