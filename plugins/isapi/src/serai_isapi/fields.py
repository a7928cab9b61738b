"""Which fields of an employee a caller may see."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Literal

import attrs
from msgspec import UNSET, structs

from serai_isapi.shapes import Employee, HistoryEntry

FieldName = Literal[
    "emplid", "name", "name_en", "pinyin", "rtx_id", "ad_account", "mail", "work_phone", "department", "title",
    "location", "company", "business_unit", "manager_emplid", "employment_type", "status", "mobile_phone", "home_phone",
    "private_mail", "employment_status", "grade", "regular_or_temporary", "full_or_part_time", "hire_date",
    "last_hire_date", "termination_date", "expected_end_date",
]  # fmt: skip
"""The fields of `Employee`, for `fields=`: type checkers and OpenAPI want them spelled out."""

PERMISSION_OF = {
    **dict.fromkeys(("mobile_phone", "home_phone", "private_mail"), "isapi:contact"),
    **dict.fromkeys(
        (
            "employment_status", "grade", "regular_or_temporary", "full_or_part_time", "hire_date", "last_hire_date",
            "termination_date", "expected_end_date",
        ),
        "isapi:employment",
    ),
}  # fmt: skip
"""The fields beyond the directory set, and the permission that each one needs."""
_PERMISSIONS = frozenset(PERMISSION_OF.values())

HISTORY_BY_PERMISSION = {"isapi:employment": ("action", "action_reason", "grade")}
"""The fields of `HistoryEntry` beyond the directory set, by the permission that they need."""


@attrs.frozen
class Shown:
    """The fields to answer with, in the order of `Employee`, and those that were left out for want of a permission."""

    fields: tuple[str, ...]
    denied: tuple[str, ...] = ()


def shown(asked: Sequence[str] | None, may: Callable[[str], bool]) -> Shown:
    """What is shown to a caller who `may(permission)`: of all fields, or of those asked for; `emplid` always."""
    return _shown(None if asked is None else tuple(asked), frozenset(filter(may, _PERMISSIONS)))


@lru_cache(maxsize=1024)  # the same few questions come with every request
def _shown(asked: tuple[str, ...] | None, held: frozenset[str]) -> Shown:
    wanted = set(Employee.__struct_fields__ if asked is None else ("emplid", *asked))
    denied = {field for field in wanted & PERMISSION_OF.keys() if PERMISSION_OF[field] not in held}
    return Shown(
        tuple(field for field in Employee.__struct_fields__ if field in wanted - denied), tuple(sorted(denied))
    )


def without_denied(entries: Sequence[HistoryEntry], may: Callable[[str], bool]) -> tuple[list[HistoryEntry], list[str]]:
    """The entries less the fields that a caller who `may(permission)` is not shown, and the names of those."""
    denied = [field for permission, fields in HISTORY_BY_PERMISSION.items() if not may(permission) for field in fields]
    return [structs.replace(entry, **dict.fromkeys(denied, UNSET)) for entry in entries], denied
