"""The personal fields of an employee, who sees them, and which fields a question is answered with."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

import attrs

from serai import PersonalField, View
from serai_isapi.shapes import Employee

FieldName = Literal[
    "emplid", "name", "name_en", "pinyin", "rtx_id", "ad_account", "mail", "work_phone", "department", "title",
    "location", "company", "business_unit", "manager_emplid", "employment_type", "status", "mobile_phone", "home_phone",
    "private_mail", "employment_status", "grade", "regular_or_temporary", "full_or_part_time", "hire_date",
    "last_hire_date", "termination_date", "expected_end_date",
]  # fmt: skip
"""The fields of `Employee`, for `fields=`: type checkers and OpenAPI want them spelled out."""

_CONTACT = ("self", "hrbp", "isapi:contact")
_EMPLOYMENT = ("self", "managers", "hrbp", "isapi:employment")

PERSONAL = (
    PersonalField("isapi.mobile_phone", "private mobile phone", clear=_CONTACT, masked=["anyone"], mask="phone"),
    PersonalField("isapi.home_phone", "private phone at home", clear=_CONTACT, mask="phone"),
    PersonalField("isapi.private_mail", "private mail address", clear=_CONTACT, mask="mail"),
    PersonalField("isapi.employment_status", "on leave, suspended, retired ...", clear=_EMPLOYMENT),
    PersonalField("isapi.grade", "grade", clear=_EMPLOYMENT),
    PersonalField("isapi.regular_or_temporary", "regular or temporary", clear=_EMPLOYMENT),
    PersonalField("isapi.full_or_part_time", "full or part time", clear=_EMPLOYMENT),
    PersonalField("isapi.hire_date", "day of hire", clear=_EMPLOYMENT),
    PersonalField("isapi.last_hire_date", "day of the last hire", clear=_EMPLOYMENT),
    PersonalField("isapi.termination_date", "day of leaving", clear=_EMPLOYMENT),
    PersonalField("isapi.expected_end_date", "day on which the contract ends", clear=_EMPLOYMENT),
    PersonalField("isapi.action", "what was done to the job, and why", clear=_EMPLOYMENT),
)
"""Everything beyond the directory: what a colleague needs to find and reach somebody at work."""


@attrs.frozen
class Shown:
    """The fields to answer with, in the order of `Employee`; of them the masked ones, beside them the denied ones."""

    fields: tuple[str, ...]
    denied: tuple[str, ...] = ()
    masked: tuple[str, ...] = ()


def shown(asked: Sequence[str] | None, view: View) -> Shown:
    """What is shown to who has that view of `Employee`: of all fields, or of those asked for; `emplid` always."""
    return _shown(None if asked is None else tuple(asked), view)


@lru_cache(maxsize=1024)  # the same few questions come with every request
def _shown(asked: tuple[str, ...] | None, view: View) -> Shown:
    wanted = set(Employee.__struct_fields__ if asked is None else ("emplid", *asked))
    return Shown(
        tuple(field for field in Employee.__struct_fields__ if field in wanted - view.hidden),
        tuple(sorted(wanted & view.hidden)),
        tuple(sorted(wanted & view.masked)),
    )
