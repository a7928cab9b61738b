"""Values as a database gives them become those that the kind agreed on; texts stay as they are, blanks and all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, tzinfo
from decimal import Decimal
from math import isfinite
from typing import Any

from serai_ehr.found import Columns
from serai_ehr.source import Row
from serai_ehr.views import ColumnType, View

Step = Callable[[Any], Any]
Steps = Mapping[tuple[ColumnType, str], Step]
"""What is done with a value that is not None, by the agreed type and the database's word for its type."""


def conversion(view: View, found: Columns, steps: Steps) -> Callable[[Iterable[Any]], Row]:
    """What makes a row of a record that has the view's columns in their order."""
    needed = [
        (place, steps[pair])
        for place, column in enumerate(view.columns)
        if (pair := (column.type, found[column.name].type)) in steps
    ]
    if not needed:
        return tuple

    def convert(record: Iterable[Any]) -> Row:
        values = list(record)
        for place, step in needed:
            if values[place] is not None:
                values[place] = step(values[place])
        return tuple(values)

    return convert


def whole(value: Decimal | float) -> Decimal | float:
    """An int; what is no whole number stays as it is, for the reader's checks to find."""
    return int(value) if isfinite(value) and value % 1 == 0 else value


def day(value: datetime) -> date:
    """The day of a date that arrived with a time of day."""
    return value.date()


def zoned(zone: tzinfo) -> Step:
    """What makes a moment of a time that carries no zone."""
    return lambda value: value.replace(tzinfo=zone)
