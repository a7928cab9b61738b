"""`Cursors`: where a page of a list ended, as an opaque text that only we can make.

A cursor is base64url, without padding, of: 16 bytes of HMAC-SHA256, 4 bytes of expiry (Unix seconds, big-endian), 8
bytes that stand for the query, and the position as JSON.
"""

from __future__ import annotations

import binascii
import hmac
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any

import msgspec

from serai.errors import Refused, SeraiError

DAY = 86_400
LIFETIME = 7 * DAY
"""Seconds that a cursor can be used at the least. It ends at a midnight (UTC), so at most a day later."""

_PURPOSE = b"serai cursor 1\0"  # the keys sign other things too: no signature may pass for another's
_NEVER = 2**32 - 1
_MAC, _EXPIRY, _QUERY = 16, 4, 8
_HEAD = _MAC + _EXPIRY + _QUERY


class CursorRefused(Refused):
    """The cursor is none of ours, of another query, or too old: begin again without it."""

    slug = "cursor-refused"
    title = "The cursor cannot be followed"

    def __init__(self, sentence: str, expected: str, found: str, *, parameter: str) -> None:
        mistake = {"pointer": f"/{parameter}", "expected": expected, "found": found}
        super().__init__(sentence, hint=f"Begin again without `{parameter}`.", members={"errors": [mistake]})


class Cursors:
    """Makes and opens cursors with a keyring: its first key signs, all of them verify."""

    def __init__(self, keys: Sequence[bytes], *, clock: Callable[[], float] = time.time) -> None:
        if not keys:
            raise SeraiError("Cursors need at least one key to sign with", hint="set kernel.keys")
        self._keys = tuple(keys)
        self._clock = clock

    def make(self, query: bytes, position: list[Any], *, expires: bool = True) -> str:
        """The cursor of a page that ended at `position` (plain JSON values).

        `query` is what the cursor is bound to: the route and its filters. The same page has the same cursor for a day,
        so that its ETag stays the same too. One that does not expire is for positions that are checked by themselves.
        """
        end = (int(self._clock()) // DAY + 1) * DAY + LIFETIME if expires else _NEVER
        signed = end.to_bytes(_EXPIRY, "big") + _digest(query) + msgspec.json.encode(position)
        return _to_text(_mac(self._keys[0], signed) + signed)

    def open(self, query: bytes, cursor: str, *, parameter: str = "cursor") -> list[Any]:
        """The position in `cursor`; raises `CursorRefused` where it is damaged, expired, or of another query.

        `parameter` is the name of what carried it.
        """
        content = _to_bytes(cursor)
        mac, signed = content[:_MAC], content[_MAC:]
        if len(content) < _HEAD or not any(hmac.compare_digest(_mac(key, signed), mac) for key in self._keys):
            raise CursorRefused(
                "The cursor is damaged",
                f"the `next_{parameter}` of an answer, unchanged",
                "something else",
                parameter=parameter,
            )
        if not hmac.compare_digest(signed[_EXPIRY : _EXPIRY + _QUERY], _digest(query)):
            raise CursorRefused(
                "The cursor belongs to another query",
                "the same route and filters as in the request before; only `limit` may differ",
                "a cursor of another query",
                parameter=parameter,
            )
        if int.from_bytes(signed[:_EXPIRY], "big") <= self._clock():
            raise CursorRefused(
                "The cursor has expired",
                f"a cursor of the last {LIFETIME // DAY} days",
                "an expired cursor",
                parameter=parameter,
            )
        position: list[Any] = msgspec.json.decode(signed[_EXPIRY + _QUERY :])
        return position


def _mac(key: bytes, signed: bytes) -> bytes:
    return hmac.digest(key, _PURPOSE + signed, "sha256")[:_MAC]


def _digest(query: bytes) -> bytes:
    return blake2b(query, digest_size=_QUERY).digest()


def _to_text(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def _to_bytes(text: str) -> bytes:
    """The bytes of base64url in its one canonical spelling, else nothing."""
    try:
        content = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return b""
    return content if _to_text(content) == text else b""
