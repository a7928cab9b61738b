"""Which columns of the deployment are encrypted, and with which keys: known without the plugins' code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import asyncpg
import attrs

from serai.context import Database
from serai.declarations import EncryptedColumn

_DECLARE = """
    insert into serai.encrypted_column as c (plugin, name, row_columns, index_column, copies)
    values ($1, $2, $3, $4, $5)
    on conflict (plugin, name) do update
    set row_columns = excluded.row_columns, index_column = excluded.index_column, copies = excluded.copies
    where (c.row_columns, c.index_column, c.copies)
          is distinct from (excluded.row_columns, excluded.index_column, excluded.copies)
"""
_KNOWN = "select plugin, name, row_columns, index_column, copies from serai.encrypted_column order by plugin, name"


@attrs.frozen
class Place:
    """One table that holds boxes of an encrypted column; `schema` is the plugin's."""

    plugin: str
    column: EncryptedColumn
    table: str

    @property
    def name(self) -> str:
        """As the database knows it, and as it is shown."""
        return f"{self.plugin}.{self.table}"

    @property
    def label(self) -> str:
        return f"{self.name}.{self.column.column}"


async def declare(database: Database, plugin: str, columns: Sequence[EncryptedColumn]) -> None:
    """Remember what the plugin encrypts. What it does not declare any more stays: its rows may be there still."""
    async with database.raw() as connection, connection.transaction():
        for column in columns:
            await connection.execute(_DECLARE, plugin, column.name, list(column.row), column.index, list(column.copies))


async def places(database: Database) -> list[Place]:
    """Every table that holds boxes, of every plugin that was ever started here and was not purged since."""
    async with database.raw() as connection:
        rows = await connection.fetch(_KNOWN)
        found = [place for row in rows for place in _places(row)]
        there = await connection.fetch(
            "select name, box from unnest($1::text[], $2::text[]) as place(name, box)"
            " join pg_attribute a on a.attrelid = to_regclass(name) and a.attname = box and not a.attisdropped",
            [place.name for place in found],
            [place.column.column for place in found],
        )
    existing = {(row["name"], row["box"]) for row in there}
    return [place for place in found if (place.name, place.column.column) in existing]


async def count(database: Database) -> dict[Place, Mapping[bytes, int]]:
    """For each place how many boxes each key has encrypted, by the keys' ids."""
    found = await places(database)
    async with database.raw() as connection:
        return {place: await _count(connection, place) for place in found}


async def _count(connection: asyncpg.Connection, place: Place) -> Mapping[bytes, int]:
    box = place.column.column
    rows = await connection.fetch(
        f"select substr({box}, 2, 4) as key_id, count(*) as rows from {place.name}"  # noqa: S608  checked names
        f" where {box} is not null group by 1"
    )
    return {row["key_id"]: row["rows"] for row in rows}


def _places(row: asyncpg.Record) -> list[Place]:
    column = EncryptedColumn(name=row["name"], row=row["row_columns"], index=row["index_column"], copies=row["copies"])
    return [Place(row["plugin"], column, table) for table in (column.table, *column.copies)]
