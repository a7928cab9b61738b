"""The rows of a demo company in files, and a source of the kind `ehr` that reads them: what reading costs is known.

`company_files.py FOLDER PEOPLE` writes the files and prints the moment that they are of.
"""

from __future__ import annotations

import pickle
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from serai_ehr import VIEWS, Changed, Row, View, ViewFault
from serai_ehr.demo.company import Company
from serai_ehr.demo.driver import EPOCH
from serai_ehr.demo.rows import rows

BATCH = 2000
CHANGED = {"V_IS_JOB": "GRADE", "V_IS_CONTACT": "CONTACT_VALUE"}
"""What a change writes to, in all rows of a person."""


def write(folder: Path, people: int) -> datetime:
    """Let a company of so many people live for a month, and write down its rows; the moment that they are of."""
    company = Company(size=people, seed=1, epoch=EPOCH)
    moment = EPOCH + timedelta(days=30)
    company.advance(moment)
    snapshot = company.snapshot()
    for view in VIEWS:
        found = rows(snapshot, view)
        with (folder / view.name).open("wb") as file:
            while batch := list(islice(found, BATCH)):
                pickle.dump(batch, file)
    return moment


class FileSource:
    """The company; in round N the rows of one person in a hundred are others than in round N - 1.

    Source and Reading in one. `seconds` and `cpu` went into reading.
    """

    def __init__(self, folder: Path, clock: datetime, round_: int) -> None:
        self.clock = clock + timedelta(hours=round_)
        self.seconds = 0.0
        self.cpu = 0.0
        self._folder = folder
        self._round = round_

    async def check(self) -> list[ViewFault]:
        return []

    @asynccontextmanager
    async def open(self) -> AsyncIterator[FileSource]:
        yield self

    async def batches(
        self, view: View, *, size: int = BATCH, changed: Changed | None = None
    ) -> AsyncIterator[list[Row]]:
        found = self.read(view)
        while True:
            started, cpu = time.perf_counter(), time.process_time()
            batch = next(found, None)
            if batch and changed:
                batch = [row for row in batch if changed.holds(view, row)]
            self.seconds += time.perf_counter() - started
            self.cpu += time.process_time() - cpu
            if batch is None:
                return
            if batch:
                yield batch

    def read(self, view: View) -> Iterator[list[Row]]:
        """All rows as they are in this round, in batches."""
        with (self._folder / view.name).open("rb") as file:
            while True:
                try:
                    batch: list[Row] = pickle.load(file)
                except EOFError:
                    return
                yield [self._changed(view, row) for row in batch] if view.name in CHANGED else batch

    def _changed(self, view: View, row: Row) -> Row:
        """The row as it is after the rounds up to this one: in each, another hundredth of all people."""
        turn = int(row[0]) % 100
        if not 0 < turn <= self._round:
            return row
        values: list[Any] = list(row)
        values[view.column_names.index(CHANGED[view.name])] = f"R{turn}"
        values[view.column_names.index("LASTUPDDTTM")] = self.clock - timedelta(hours=self._round - turn)
        return tuple(values)


if __name__ == "__main__":
    print(write(Path(sys.argv[1]), int(sys.argv[2])))
