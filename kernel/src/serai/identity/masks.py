"""How a personal value is written for those who may know only that it is there, and recognise it if they know it.

No standard fixes the digits; GB/T 35273-2020 asks that shown identifiers be de-identified. A value that is too short
for its mask, so that what is left would give it away, becomes `***`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from serai.declarations.fields import MaskName

NOTHING = "***"
"""What is left of a value of which nothing may be shown; its length says nothing."""

_DIGITS = re.compile(r"[0-9]")
_DISTRICT = re.compile(
    r"(?:[\u4e00-\u9fff]{2,8}?(?:省|自治区|特别行政区))?"
    r"(?:[\u4e00-\u9fff]{2,8}?(?:市|自治州|地区|盟))?"
    r"(?:[\u4e00-\u9fff]{1,8}?(?:区|县|旗|市))?"
)


def phone(value: str) -> str:
    """The first three and the last four digits of the number, without country code: `138****8000`."""
    number = value.partition(" ")[2] if value.startswith("+") else value
    digits = "".join(_DIGITS.findall(number))
    return f"{digits[:3]}****{digits[-4:]}" if len(digits) >= 11 else NOTHING


def id_number(value: str) -> str:
    """The province and city (three digits) and the last four of a resident's number: `110***********002X`."""
    return f"{value[:3]}{'*' * (len(value) - 7)}{value[-4:]}" if len(value) >= 15 else NOTHING


def name(value: str) -> str:
    """The first character: `张*`, one star for every given name."""
    return f"{value[0]}*" if len(value) >= 2 else NOTHING


def mail(value: str) -> str:
    """The first character and the host: `z***@corp.example`."""
    local, at, host = value.rpartition("@")
    return f"{local[0]}***@{host}" if at and host and len(local) >= 2 else NOTHING


def bank_account(value: str) -> str:
    """The last four digits: `**** 1234`."""
    digits = "".join(_DIGITS.findall(value))
    return f"**** {digits[-4:]}" if len(digits) >= 12 else NOTHING


def address(value: str) -> str:
    """Up to the district or county: `北京市海淀区***`."""
    district = _DISTRICT.match(value)
    place = district[0] if district else ""
    return f"{place}{NOTHING}" if len(place) < len(value) else NOTHING


def text(_value: str) -> str:
    """Nothing but that there is something."""
    return NOTHING


MASKS: Mapping[MaskName, Callable[[str], str]] = {
    "phone": phone,
    "id_number": id_number,
    "name": name,
    "mail": mail,
    "bank_account": bank_account,
    "address": address,
    "text": text,
}
"""The masks by name."""
