"""What the run that is held had staged: kept, so that an approval applies exactly what was looked at."""

from __future__ import annotations

import asyncpg

from serai_isapi.records import RECORDS, Record


async def keep(connection: asyncpg.Connection) -> None:
    """Keep the staged rows in place of those of an earlier run."""
    async with connection.transaction():
        await drop(connection)
        for record in RECORDS:
            columns = _columns(record)
            await connection.execute(f"insert into {record.held} ({columns}) select {columns} from {record.staged}")


async def stage(connection: asyncpg.Connection) -> None:
    """Stage the rows that are kept."""
    for record in RECORDS:
        columns = _columns(record)
        await connection.execute(f"insert into {record.staged} ({columns}) select {columns} from {record.held}")
        await connection.execute(f"analyze {record.staged}")


async def drop(connection: asyncpg.Connection) -> None:
    """Forget them."""
    await connection.execute("truncate " + ", ".join(record.held for record in RECORDS))


def _columns(record: Record) -> str:
    return ", ".join([*record.columns, "row_hash", "broken_rule", "removed"])
