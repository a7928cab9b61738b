"""Which fields of an employee a caller may see."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import attrs

from serai_isapi.shapes import Employee

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


@attrs.frozen
class Shown:
    """The fields to answer with, in the order of `Employee`, and those that were asked for in vain."""

    fields: tuple[str, ...]
    denied: tuple[str, ...] = ()


def shown(asked: Sequence[str] | None, may: Callable[[str], bool]) -> Shown:
    """What is shown to a caller who `may(permission)`: of all fields, or of those asked for; `emplid` always."""
    wanted = Employee.__struct_fields__ if asked is None else {"emplid", *asked}
    allowed = {field for field in wanted if field not in PERMISSION_OF or may(PERMISSION_OF[field])}
    return Shown(
        tuple(field for field in Employee.__struct_fields__ if field in allowed),
        () if asked is None else tuple(sorted(set(asked) - allowed)),
    )
