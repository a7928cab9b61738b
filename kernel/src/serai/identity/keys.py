"""API keys: 256 random bits that a person can recognise, a scanner can find and a typo cannot turn into another key.

`srk_`, 43 digits in base62, and a checksum of 6 more over all before it (CRC-32). Only the SHA-256 of a key is stored:
with 256 random bits there is nothing that a slow hash would protect.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import zlib

PREFIX = "srk_"
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_FORM = re.compile(r"(srk_[0-9A-Za-z]{43})([0-9A-Za-z]{6})", re.ASCII)


def make_key() -> str:
    """A new key."""
    body = PREFIX + base62(secrets.randbits(256), 43)
    return body + _checksum(body)


def is_key(text: str) -> bool:
    """Whether the text has the form of a key and its checksum fits; says nothing about whether we made it."""
    form = _FORM.fullmatch(text)
    return form is not None and _checksum(form[1]) == form[2]


def beginning(key: str) -> str:
    """What of a key may be shown, so that people can tell keys apart: 24 of its 256 bits."""
    return key[:8]


def digest(key: str) -> bytes:
    """What is stored of a key: its SHA-256, 32 bytes."""
    return hashlib.sha256(key.encode()).digest()


def base62(number: int, width: int) -> str:
    """The number in `width` digits 0-9A-Za-z, the highest first."""
    digits = []
    for _ in range(width):
        number, digit = divmod(number, 62)
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))


def _checksum(body: str) -> str:
    return base62(zlib.crc32(body.encode()), 6)
