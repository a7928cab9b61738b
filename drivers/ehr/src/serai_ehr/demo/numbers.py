"""Identity and telephone numbers that have the right form and belong to nobody."""

from __future__ import annotations

from datetime import date

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK_CHARACTERS = "10X98765432"
_SATELLITE_RANGE = 6_000_000


def check_character(body: str) -> str:
    """The last character of a citizen's number for its first 17 digits (GB 11643-1999, ISO 7064 MOD 11-2)."""
    return _CHECK_CHARACTERS[sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, body, strict=True)) % 11]


def citizen_number(index: int, born: date, *, male: bool) -> str:
    """An 18-character citizen's number with a valid check character.

    No region begins with 99, so that it cannot be anybody's. The serial is odd for men. Different for every index up to
    4,000,000 among people born on one day.
    """
    region, serial = divmod(index, 400)
    body = f"99{region % 10_000:04d}{born:%Y%m%d}{serial * 2 + (101 if male else 100):03d}"
    return body + check_character(body)


def passport_number(index: int) -> str:
    """A passport number in the common form of one letter and eight digits."""
    return f"X{index * 7919 % 100_000_000:08d}"


def mobile_number(index: int, version: int) -> str:
    """An 11-digit mainland mobile number; each person has another one for each version.

    In 1740 0 to 1740 5, which belongs to a satellite network: the form is valid, nearly no number is in use.
    """
    suffix = (index * 1_299_709 + version * 611_953) % _SATELLITE_RANGE
    return f"1740{suffix:07d}"


def desk_number(index: int) -> tuple[str, str]:
    """The company's number in a Beijing block that is not in use, and the extension."""
    return f"010-0000{index // 10_000 % 10_000:04d}", f"{index % 10_000:04d}"
