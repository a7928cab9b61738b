"""Everything of one schema, written to files before it is lost."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from serai.data.revisions import History
from serai.errors import SeraiError

_TABLES = text(
    "select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace "
    "where n.nspname = :schema and c.relkind in ('r', 'p') and not c.relispartition order by 1"
)


async def export(connection: AsyncConnection, name: str, applied: History, folder: Path) -> Path:
    """Write every table as CSV with a header, and the applied revisions, to a new folder in `folder`; return it.

    Nobody can write to the tables from now until the end of the transaction, so nothing falls between. To bring it
    back: run the revisions, then COPY each file in. The new folder is private (0700): there are people in it.
    """
    target = folder / f"{name}-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}"
    tables = list((await connection.execute(_TABLES, {"schema": name})).scalars())
    for table in tables:
        await connection.execute(text(f'lock table "{name}"."{table}" in exclusive mode'))
    raw = (await connection.get_raw_connection()).driver_connection
    assert raw is not None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        target.mkdir(mode=0o700)
        for table in tables:
            query = f'select * from "{name}"."{table}"'  # noqa: S608 - names from the catalogue
            await raw.copy_from_query(query, output=target / f"{table}.csv", format="csv", header=True)
        await asyncio.to_thread(_write_revisions, target / "revisions", applied)
    except OSError as error:
        raise SeraiError(
            f"The tables of {name} cannot be exported to {target}: {error.strerror}.",
            hint="nothing was changed; name a folder that can be written, on a disk with room",
        ) from error
    return target


def _write_revisions(folder: Path, applied: History) -> None:
    folder.mkdir()
    for revision in applied:
        (folder / f"{revision.id}.py").write_text(revision.source, "utf-8")
