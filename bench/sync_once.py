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
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase

from company_files import FileSource
from serai.data.connections import Connections
from serai.work.feed import Feed
from serai_isapi import tables
from serai_isapi.cleaning import Cleaner
from serai_isapi.records import RECORDS, Record
from serai_isapi.settings import Settings
from serai_isapi.sync import synchronise

ORM_ROWS = 20_000
"""Rows of `job` that the ORM is measured with; what it would take for all rows of all views is reckoned from that."""
BACKENDS = "select pid from pg_stat_activity where datname = current_database()"


class Bench:
    """As much of a `Context` as a synchronisation needs; no guard trips."""

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
    """A synchronisation, reading from the source left out."""
    connections = Connections(dsn)
    await connections.open()
    notes: list[str] = []
    started, cpu = time.perf_counter(), time.process_time()
    try:
        await synchronise(Bench(connections, source), lambda note, **_: notes.append(note), full=full)
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
        async with connections.database("isapi").raw() as connection:
            server_cpu = await _server_cpu(connection)
    finally:
        await connections.close()
    if not notes[-1].startswith("done"):
        sys.exit(notes[-1])
    return {
        "seconds": seconds - source.seconds, "cpu": cpu - source.cpu, "server_cpu": server_cpu, "note": notes[-1],
    }  # fmt: skip


async def copied(dsn: str, source: FileSource) -> dict[str, Any]:
    """A bare COPY of the columns that isapi keeps, all rows of all its views, into unlogged tables without indexes."""
    connection = await asyncpg.connect(dsn)
    seconds = cpu = 0.0
    count = 0
    try:
        for record in RECORDS:
            rows = _kept(source, record)
            count += len(rows)
            table = f"bare_{record.name}"
            await connection.execute(
                f"create unlogged table public.{table} as select {', '.join(record.columns)}"
                f" from {record.table.fullname} with no data"
            )
            started, began = time.perf_counter(), time.process_time()
            await connection.copy_records_to_table(table, schema_name="public", records=rows)
            seconds += time.perf_counter() - started
            cpu += time.process_time() - began
            await connection.execute(f"drop table public.{table}")
        server_cpu = await _server_cpu(connection)
    finally:
        await connection.close()
    return {"seconds": seconds, "cpu": cpu, "server_cpu": server_cpu, "note": f"{count:,} rows"}


async def row_by_row(dsn: str, source: FileSource) -> dict[str, Any]:
    """An ORM gets each row and sets its values."""

    class Base(DeclarativeBase):
        pass

    class Job(Base):
        __table__ = tables.job

    (record,) = (record for record in RECORDS if record.table is tables.job)
    cleaner = Cleaner(record)
    rows = [row for batch in source.read(record.view) for row in batch]
    part = cleaner.rows([(row, None) for row in rows[:ORM_ROWS]])
    everything = sum(len(batch) for item in RECORDS for batch in source.read(item.view))
    engine = create_async_engine(dsn.replace("postgresql://", "postgresql+asyncpg://"))
    started, began = time.perf_counter(), time.process_time()
    async with AsyncSession(engine) as session:
        for row in part:
            values = dict(zip(record.columns, row, strict=False))
            job = await session.get(Job, tuple(values[column] for column in record.key))
            for column, value in values.items():
                setattr(job, column, value)
        await session.flush()
        seconds, cpu = time.perf_counter() - started, time.process_time() - began
        server_cpu = await _server_cpu((await (await session.connection()).get_raw_connection()).driver_connection)
        await session.rollback()
    await engine.dispose()
    times = everything / ORM_ROWS
    return {"seconds": seconds * times, "cpu": cpu * times, "server_cpu": server_cpu * times, "note": f"x {times:.1f}"}


def _kept(source: FileSource, record: Record) -> list[tuple[Any, ...]]:
    names = [column.lower() for column in record.view.column_names]
    kept = itemgetter(*(names.index(name) for name in record.columns))
    return [kept(row) for batch in source.read(record.view) for row in batch]


async def _server_cpu(connection: asyncpg.Connection) -> float:
    """CPU seconds that PostgreSQL's processes have had for connections to this database: all of them are ours."""
    found = [Path(f"/proc/{row['pid']}/schedstat") for row in await connection.fetch(BACKENDS)]
    return sum(int(file.read_text().split()[0]) for file in found) / 1e9


def _peak() -> float:
    """The most memory that this process has had resident, in MiB."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) / 1024


def main() -> None:
    what, dsn, folder, clock, round_ = sys.argv[1:]
    source = FileSource(Path(folder), datetime.fromisoformat(clock), int(round_))
    if what == "copy":
        result = asyncio.run(copied(dsn, source))
    elif what == "orm":
        result = asyncio.run(row_by_row(dsn, source))
    else:
        result = asyncio.run(synchronised(dsn, source, full=what == "full"))
    print(json.dumps({**result, "memory": _peak()}))


if __name__ == "__main__":
    main()
