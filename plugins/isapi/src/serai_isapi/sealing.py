"""Values that are only kept encrypted: sealed on their way from the source into staging, never clear in the database.

Rows are compared by keyed fingerprints (see `fingerprints`), so that only those that differ are sealed at all. A value
that is kept already keeps its box: boxes of equal values differ, and the row would look changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import asyncpg
import attrs

from serai import EncryptedColumn, Keys, SeraiError
from serai_isapi import national_ids

Row = tuple[Any, ...]


@attrs.frozen
class Sealed:
    """A column of a view that is kept in an encrypted one."""

    source: str
    """The view's column, in lower case."""
    column: EncryptedColumn
    text: Callable[[Any], str]
    """How a cleaned value is written."""
    broken_rule: Callable[[Mapping[str, Any], str], str | None] = lambda row, text: None
    """The rule that a row with that text breaks: it is judged here, because staging holds only boxes."""


BIRTHDATE = Sealed(
    "birthdate",
    EncryptedColumn(name="person.birthdate_box", row=["emplid"], copies=["held_person"]),
    lambda value: value.isoformat(),
)
NATIONAL_ID = Sealed(
    "national_id",
    EncryptedColumn(
        name="nid.national_id_box",
        row=["emplid", "country", "national_id_type"],
        index="national_id_index",
        copies=["held_nid"],
    ),
    national_ids.normal,
    lambda row, text: national_ids.broken_rule(row["country"], row["national_id_type"], text),
)
SEALED = (BIRTHDATE, NATIONAL_ID)


class Sealer:
    """Seals cleaned rows of one table: `columns`, then `row_hash`, `broken_rule`, `removed` (see `cleaning`)."""

    def __init__(self, keys: Keys, table: str, columns: Sequence[str], sealed: Sequence[Sealed]) -> None:
        self._keys = keys
        self._table = table
        self._columns = tuple(columns)
        self._sealed = tuple(sealed)

    async def seal(self, connection: asyncpg.Connection, rows: list[Row]) -> list[Row]:
        """The rows with boxes and indexes in the place of values."""
        for sealed in self._sealed:
            kept = await self._kept(connection, sealed.column, rows)
            rows = [self._with_box(sealed, row, kept) for row in rows]
        return rows

    def _with_box(self, sealed: Sealed, row: Row, kept: Mapping[Row, tuple[bytes, bytes | None]]) -> Row:
        named = dict(zip((*self._columns, "row_hash", "broken_rule", "removed"), row, strict=True))
        column = sealed.column
        value = named[column.column]
        if value is None:
            return row
        text = sealed.text(value)
        key = tuple(named[name] for name in column.row)
        box, index = self._box(column, key, text, kept.get(key))
        named[column.column] = box
        if column.index is not None:
            named[column.index] = index
        named["broken_rule"] = named["broken_rule"] or sealed.broken_rule(named, text)
        return tuple(named.values())

    def _box(
        self, column: EncryptedColumn, key: Row, text: str, kept: tuple[bytes, bytes | None] | None
    ) -> tuple[bytes, bytes | None]:
        if kept is not None and self._opens_to(column, key, kept[0], text):
            return kept
        return self._keys.encrypt(column, key, text), self._keys.index(column, text) if column.index else None

    def _opens_to(self, column: EncryptedColumn, key: Row, box: bytes, text: str) -> bool:
        """False also where a key was lost or a box tampered with: the source has the value, it is sealed anew."""
        try:
            return self._keys.decrypt(column, key, box) == text
        except SeraiError:
            return False

    async def _kept(
        self, connection: asyncpg.Connection, column: EncryptedColumn, rows: list[Row]
    ) -> dict[Row, tuple[bytes, bytes | None]]:
        """Box and index that are kept, by key; keys of what is sealed are texts."""
        names = ", ".join(column.row)
        places = [self._columns.index(name) for name in column.row]
        found = await connection.fetch(
            f"select {names}, {column.column} as box, {column.index or 'null::bytea'} as hash from {self._table}"
            f" join unnest({', '.join(f'${n}::text[]' for n in range(1, len(places) + 1))}) as k({names})"
            f" using ({names}) where {column.column} is not null",
            *([row[place] for row in rows] for place in places),
        )
        return {tuple(row[name] for name in column.row): (row["box"], row["hash"]) for row in found}


async def changed_people(connection: asyncpg.Connection) -> set[str]:
    """The emplids of whose sealed values the good staged rows will change, add or take away."""
    found: set[str] = set()
    for sealed in SEALED:
        table, box = sealed.column.table, sealed.column.column
        same = " and ".join(f"t.{name} = s.{name}" for name in sealed.column.row)
        rows = await connection.fetch(
            f"select distinct s.emplid from pg_temp.staged_{table} s left join isapi.{table} t on {same}"
            f" where s.broken_rule is null and t.{box} is distinct from s.{box}"
        )
        found |= {row["emplid"] for row in rows}
    return found
