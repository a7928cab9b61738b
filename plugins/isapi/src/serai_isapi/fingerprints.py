"""A number for each row of a view, by which a whole reading is compared without sending its rows to the database.

64 bits: of a million rows kept, a changed one is mistaken for another of them, and waits for its next change, once in
10**13 times.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from operator import itemgetter
from typing import Any

from msgspec import msgpack

from serai import Keys
from serai_ehr import Row
from serai_isapi.records import Record

EDITION = b"1"
"""Change it when rows would be cleaned otherwise than before: all of them are then looked at anew."""


class Fingerprints:
    """Makes the numbers of a record's rows, of what is kept of them and nothing else."""

    def __init__(self, record: Record, keys: Keys) -> None:
        columns = [column.name.lower() for column in record.view.columns]
        self._kept = itemgetter(*(columns.index(name) for name in record.sources.values()))
        # Without a key, who has the numbers could try all national ids of somebody's birthday.
        key = keys.derive("row_hash") if record.sealed else b""
        self._seed = blake2b(digest_size=8, salt=EDITION, key=key)
        self._encode = msgpack.Encoder().encode

    def of(self, row: Row) -> int | None:
        """A signed 64-bit number; None of a row with a value that no column can hold."""
        try:
            encoded = self._encode(self._kept(row))
        except (UnicodeEncodeError, OverflowError, TypeError):
            return None
        hashing = self._seed.copy()
        hashing.update(encoded)
        return int.from_bytes(hashing.digest(), "big", signed=True)


class Comparison:
    """A whole reading of a view against the numbers of the rows that are kept of it."""

    def __init__(self, fingerprints: Fingerprints, kept: Sequence[int]) -> None:
        self._fingerprints = fingerprints
        self.unseen = set(kept)
        """Numbers of kept rows that the reading has not had yet."""

    def differing(self, batch: Sequence[Row]) -> list[tuple[Row, Any]]:
        """The rows, each with its number, that are not kept as they are, or that come a second time."""
        found = []
        for row in batch:
            number = self._fingerprints.of(row)
            if number in self.unseen:
                self.unseen.remove(number)
            else:
                found.append((row, number))
        return found
