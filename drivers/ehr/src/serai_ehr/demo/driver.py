"""The driver `ehr_demo`: a source that reads the made-up company."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import islice
from threading import Lock

import attrs

from serai import Driver, Link, PluginError, hookimpl
from serai_ehr.changed import Changed
from serai_ehr.demo.clock import ZONE, CompanyClock
from serai_ehr.demo.company import Company, Snapshot
from serai_ehr.demo.rows import rows
from serai_ehr.source import Row, ViewFault
from serai_ehr.views import View

EPOCH = datetime(2026, 1, 1, tzinfo=ZONE)
"""The epoch of a company that lives in real time."""


@attrs.frozen(kw_only=True)
class DemoSettings:
    """Which company. The same settings give the same company in every process."""

    size: int = attrs.field(default=5000, validator=[attrs.validators.ge(20), attrs.validators.le(200_000)])
    """How many people it has from the epoch on, give or take one in a hundred."""
    seed: int = 1
    """Another seed is another company."""
    epoch: datetime | None = None
    """When the company has grown to its size; without a zone it is Shanghai's. Needed where `pace` is not 1."""
    pace: float = attrs.field(default=1.0, validator=[attrs.validators.gt(0), attrs.validators.le(86_400)])
    """Seconds of company time that pass in a second from the epoch on: with 96 every quarter of an hour is a day."""


class DemoReading:
    """One look at the company; its rows are made as they are asked for."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.clock = snapshot.moment
        self._snapshot: Snapshot | None = snapshot

    async def batches(
        self, view: View, *, size: int = 1000, changed: Changed | None = None
    ) -> AsyncIterator[list[Row]]:
        """The rows of the view, at most `size` at a time; the loop is free between them."""
        source = None
        while True:
            if self._snapshot is None:
                raise PluginError("the reading is over", hint="read within `async with source.open()`")
            source = source or _chosen(view, rows(self._snapshot, view), changed)
            batch = list(islice(source, size))
            if not batch:
                return
            yield batch
            await asyncio.sleep(0)

    def close(self) -> None:
        """Refuse to read on."""
        self._snapshot = None


def _chosen(view: View, found: Iterator[Row], changed: Changed | None) -> Iterator[Row]:
    return found if changed is None else (row for row in found if changed.holds(view, row))


class DemoSource:
    """The company as a source of the kind `ehr`."""

    def __init__(self, company: Company, clock: Callable[[], datetime]) -> None:
        self._company = company
        self._clock = clock
        self._lock = Lock()

    async def check(self) -> list[ViewFault]:
        """Nothing can be missing."""
        return []

    @asynccontextmanager
    async def open(self) -> AsyncIterator[DemoReading]:
        """Let the company live up to now, and look at it."""
        reading = DemoReading(await asyncio.to_thread(self._look))
        try:
            yield reading
        finally:
            reading.close()

    def _look(self) -> Snapshot:
        """In a thread: after a long pause there is much to catch up with."""
        with self._lock:
            self._company.advance(self._clock())
            return self._company.snapshot()


@asynccontextmanager
async def connect(settings: DemoSettings, link: Link) -> AsyncIterator[DemoSource]:
    """Tell the company's history once, beside the loop; later readings only go on from there."""
    if settings.epoch is None and settings.pace != 1:
        raise PluginError(
            f"device {link.name}: pace = {settings.pace:g} needs an epoch from which time runs faster",
            hint=f"give the day on which the demo began: epoch = {datetime.now(UTC):%Y-%m-%d}T00:00:00+08:00",
        )
    epoch = settings.epoch or EPOCH
    clock = CompanyClock(epoch if epoch.tzinfo else epoch.replace(tzinfo=ZONE), settings.pace)
    company = await asyncio.to_thread(_company, settings, clock)
    link.log.info("a company was made up", people=settings.size, company_time=company.now.isoformat())
    yield DemoSource(company, lambda: clock.at(datetime.now(UTC)))


def _company(settings: DemoSettings, clock: CompanyClock) -> Company:
    company = Company(size=settings.size, seed=settings.seed, epoch=clock.epoch)
    company.advance(clock.at(datetime.now(UTC)))
    return company


@hookimpl
def register_drivers() -> Sequence[Driver]:
    """The simulator."""
    return [Driver(kind="ehr", name="ehr_demo", factory=connect, settings=DemoSettings)]
