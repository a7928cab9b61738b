"""National ids as numbers: what makes one impossible, and what only makes one suspicious.

A citizen's number (GB 11643-1999) is a region (6 digits), the birth date (8), a serial (3) and a check character
(ISO 7064 MOD 11-2). A wrong check character or an impossible date is a mistake. A region that is not in today's tables
is none: counties were renamed and dissolved, and cards keep the number that they were issued with.
"""

from __future__ import annotations

import re
from datetime import date

CITIZEN = ("CHN", "NID")
"""COUNTRY and NATIONAL_ID_TYPE of citizens' numbers."""

_FORM = re.compile(r"[1-9][0-9]{16}[0-9X]", re.ASCII)
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK_CHARACTERS = "10X98765432"
_PROVINCES = re.compile(r"1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3]|91")
"""The first two digits (GB/T 2260); 81 to 83 are the residence permits of people from Hong Kong, Macao and Taiwan."""


def normal(number: str) -> str:
    """The number as it is kept and looked for, however it was keyed."""
    return "".join(number.split()).upper()


def broken_rule(country: str | None, type_: str | None, number: str) -> str | None:
    """The rule that a number breaks; of other countries' and kinds' numbers nothing is known."""
    if (country, type_) != CITIZEN:
        return None
    if not _FORM.fullmatch(number):
        return "malformed_national_id"
    if _CHECK_CHARACTERS[sum(w * int(d) for w, d in zip(_WEIGHTS, number[:17], strict=True)) % 11] != number[17]:
        return "wrong_check_character"
    try:
        date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return "impossible_birth_date"
    return None


def warning(country: str, type_: str, number: str) -> str | None:
    """What is suspicious about a number that breaks no rule."""
    return "unknown_region" if (country, type_) == CITIZEN and not _PROVINCES.match(number) else None
