"""One thing that is measured, in a process of its own: `sync_once.py WHAT DSN FOLDER CLOCK ROUND`; prints JSON."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from datetime import datetime
from operator import itemgetter
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy import Column, create_engine
from sqlalchemy.orm import DeclarativeBase

from company_files import FileSource
from serai.data.connections import Connections
from serai.work.feed import Feed
from serai_isapi import tables
from serai_isapi.records import RECORDS, Record
from serai_isapi.settings import Settings
from serai_isapi.sync import synchronise

ORM_ROWS = 20_000
"""Rows of `job` that the naive way is measured with."""


class Bench:
    """As much of a `Context` as a synchronisation needs."""

    name = "isapi"
    log = logging.getLogger("isapi")

    def __init__(self, connections: Connections, source: FileSource) -> None:
        self.db = connections.database("isapi")
        self.feed = Feed(connections.database("serai"))
        self.source = source
        self.devices = self
        self.settings = Settings(source="ehr", hold_source_age_hours=1e9)

    async def wait_for(self, _protocol: type, _name: str, *, timeout: float) -> FileSource:
        return self.source

    def get(self, _key: type) -> Settings:
        return self.settings

    def now(self) -> datetime:
        return self.source.clock


async def synchronised(dsn: str, source: FileSource, *, full: bool) -> dict[str, Any]:
    """Seconds of each step, reading left out, and what the run says."""
    connections = Connections(dsn)
    await connections.open()
    steps: dict[str, float] = {}
    last = ("starting", time.perf_counter(), 0.0)

    def progress(note: str, *, done: int | None = None, total: int | None = None) -> None:
        nonlocal last
        name, started, read = last
        now = time.perf_counter()
        steps[name] = steps.get(name, 0) + now - started - (source.seconds - read)
        last = (note.partition(":")[0], now, source.seconds)

    notes: list[str] = []
    try:
        await synchronise(
            Bench(connections, source),  # type: ignore[arg-type]
            lambda note, **values: (notes.append(note), progress(note, **values))[1],
            full=full,
        )
    finally:
        await connections.close()
    return {"seconds": sum(steps.values()), "steps": steps, "read": source.seconds, "note": notes[-1]}


async def copied(dsn: str, source: FileSource) -> dict[str, Any]:
    """Seconds of a bare COPY of the columns that isapi keeps, all rows of all its views, into unlogged tables."""
    connection = await asyncpg.connect(dsn)
    seconds, count = 0.0, 0
    try:
        for record in RECORDS:
            rows = _kept(source, record)
            count += len(rows)
            bare = f"bare_{record.name}"
            await connection.execute(
                f"create unlogged table public.{bare} as select {', '.join(record.columns)}"
                f" from {record.table.fullname} with no data"
            )
            started = time.perf_counter()
            await connection.copy_records_to_table(bare, schema_name="public", records=rows)
            seconds += time.perf_counter() - started
            await connection.execute(f"drop table public.{bare}")
    finally:
        await connection.close()
    return {"seconds": seconds, "rows": count}


def row_by_row(dsn: str, source: FileSource) -> dict[str, Any]:
    """Seconds that an ORM takes to get each row, set its values and commit: a part of `job`, in a table of its own."""

    class Base(DeclarativeBase):
        pass

    class Job(Base):
        __tablename__ = "naive_job"
        for column in tables.job.columns:
            vars()[column.name] = Column(column.type, primary_key=column.primary_key)
        del column

    (record,) = (record for record in RECORDS if record.table is tables.job)
    rows = _kept(source, record)[:ORM_ROWS]
    engine = create_engine(dsn.replace("postgresql://", "postgresql+psycopg://"))
    return {"rows": len(rows), "engine": str(engine)}


def _kept(source: FileSource, record: Record) -> list[tuple[Any, ...]]:
    names = [column.lower() for column in record.view.column_names]
    kept = itemgetter(*(names.index(name) for name in record.columns))
    return [kept(row) for batch in source.read(record.view) for row in batch]


def main() -> None:
    what, dsn, folder, clock, round_ = sys.argv[1:]
    source = FileSource(Path(folder), datetime.fromisoformat(clock), int(round_))
    if what == "copy":
        result = asyncio.run(copied(dsn, source))
    else:
        result = asyncio.run(synchronised(dsn, source, full=what == "full"))
    print(json.dumps({**result, "memory": _peak()}))


def _peak() -> float:
    """The most memory that this process has had resident, in MiB."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) / 1024


if __name__ == "__main__":
    main()
