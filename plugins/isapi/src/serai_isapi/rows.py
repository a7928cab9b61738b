"""How rows of `employee`, or of another edition of it, become what goes on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import asyncpg
import attrs

from serai_isapi.shapes import DepartmentRef, Employee, LocationRef


@attrs.frozen
class Reading:
    """How fields are read: the `plain` ones are the first columns, the `made` ones are made of those after them."""

    columns: str
    """What to select of the relation `e`."""
    plain: tuple[str, ...]
    made: tuple[str, ...]


@lru_cache(maxsize=1024)
def reading_of(fields: tuple[str, ...]) -> Reading:
    """How these fields of `Employee` are read."""
    plain = tuple(field for field in fields if field not in _MADE)
    made = tuple(field for field in fields if field in _MADE)
    return Reading(
        ", ".join([*(f"e.{field}" for field in plain), *(_COLUMNS_OF[field] for field in made)]), plain, made
    )


def employee(row: asyncpg.Record, reading: Reading) -> Employee:
    """The person of a row that was selected by `reading.columns`."""
    values = dict(zip(reading.plain, row, strict=False))
    for field in reading.made:
        values[field] = _MADE[field](row)
    return Employee(**values)


def department_ref(row: Mapping[str, Any]) -> DepartmentRef | None:
    """The department of a row, where it has one."""
    if row["deptid"] is None:
        return None
    return DepartmentRef(deptid=row["deptid"], name=row["department_name"], path=row["department_path_name"])


def location_ref(row: Mapping[str, Any]) -> LocationRef | None:
    """The place of a row, where it has one."""
    return None if row["location"] is None else LocationRef(code=row["location"], name=row["location_name"])


_MADE = {"department": department_ref, "location": location_ref}
_COLUMNS_OF = {
    "department": "e.deptid, e.department_name, e.department_path_name",
    "location": "e.location, e.location_name",
}
