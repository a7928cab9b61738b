"""Values of PostgreSQL's types become those that the kind agreed on; texts stay as they are, blanks and all."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, tzinfo
from decimal import Decimal
from typing import Any

import asyncpg

from serai_ehr import Row, View
from serai_ehr_postgres.catalogue import FoundView

Conversion = Callable[[asyncpg.Record], Row]


def conversion(view: View, found: FoundView, zone: tzinfo) -> Conversion:
    """What makes a row of a record with the view's columns; the zone is that of timestamps without one."""

    def zoned(value: datetime) -> datetime:
        return value.replace(tzinfo=zone)

    needed: dict[tuple[str, str], Callable[[Any], Any]] = {
        ("integer", "numeric"): _whole,
        ("date", "timestamp"): _day,
        ("timestamp", "timestamp"): zoned,
    }
    steps = [
        (place, needed[pair])
        for place, column in enumerate(view.columns)
        if (pair := (column.type, found.columns[column.name.lower()].type)) in needed
    ]
    if not steps:
        return tuple

    def convert(record: asyncpg.Record) -> Row:
        values = list(record)
        for place, step in steps:
            if values[place] is not None:
                values[place] = step(values[place])
        return tuple(values)

    return convert


def _whole(value: Decimal) -> int | Decimal:
    """An int; what is no whole number stays as it is, for the reader's checks to find."""
    whole = int(value) if value.is_finite() else value
    return whole if whole == value else value


def _day(value: datetime) -> date:
    return value.date()
