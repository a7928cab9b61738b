"""From the values of a source to the values of our tables, one row at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from typing import Any

from serai_ehr import Column, Row
from serai_isapi.records import Record


class Unparsable(ValueError):
    """A value that is not of its column's type."""


def text(value: Any) -> str | None:
    """PeopleSoft pads with blanks and has one blank for empty: neither is kept."""
    if value is None:
        return None
    if type(value) is not str or not (value.isascii() or _encodable(value)) or "\0" in value:
        raise Unparsable
    return value.rstrip() or None


def integer(value: Any) -> int | None:
    """A PostgreSQL integer."""
    if value is None:
        return None
    if type(value) is not int or not -(2**31) <= value < 2**31:
        raise Unparsable
    return value


def key_date(value: Any) -> date | None:
    """A date as it stands: 1900-01-01 is a common EFFDT of setup tables."""
    if value is not None and type(value) is not date:
        raise Unparsable
    return value


def plain_date(value: Any) -> date | None:
    """A date, or None for one that stands for "none": 1900 and before, 2999 and after."""
    value = key_date(value)
    return value if value is not None and 1900 < value.year < 2999 else None


def _encodable(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _cleaner(column: Column, *, of_key: bool) -> Callable[[Any], Any]:
    if column.type == "date":
        return key_date if of_key else plain_date
    return integer if column.type == "integer" else text


def _reading(found: tuple[int, Column] | None, *, of_key: bool) -> tuple[int, Callable[[Any], Any]]:
    """Where in the view's row a column is, and what cleans it; of one that no column of the view becomes, nothing."""
    if found is None:
        return 0, _nothing
    return found[0], _cleaner(found[1], of_key=of_key)


def _nothing(_: Any) -> None:
    return None


class Cleaner:
    """Makes rows of a record's view into staged rows: the table's columns, `row_hash`, `broken_rule`, `removed`."""

    def __init__(self, record: Record) -> None:
        columns = {column.name.lower(): (at, column) for at, column in enumerate(record.view.columns)}
        self._plan = [
            (name, *_reading(columns.get(record.sources.get(name, "")), of_key=name in record.key))
            for name in record.columns
        ]

    def rows(self, batch: Iterable[tuple[Row, int | None]]) -> list[tuple[Any, ...]]:
        """The batch, cleaned; each row comes with its hash.

        A value of the wrong type becomes None and its row's rule names the column.
        """
        cleaned = []
        for row, row_hash in batch:
            try:
                cleaned.append((*[clean(row[at]) for _, at, clean in self._plan], row_hash, None, False))
            except Unparsable:
                cleaned.append(self._faulty(row, row_hash))
        return cleaned

    def _faulty(self, row: Row, row_hash: int | None) -> tuple[Any, ...]:
        values: list[Any] = []
        rule = ""
        for name, at, clean in self._plan:
            try:
                values.append(clean(row[at]))
            except Unparsable:
                values.append(None)
                rule = rule or f"unparsable_{name}"
        return (*values, row_hash, rule, False)
