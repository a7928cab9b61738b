"""Ready JSON around ready people: as msgspec would have encoded the whole."""

from __future__ import annotations

from collections.abc import Iterable
from typing import overload

import attrs
import msgspec

from serai import Encoded, Page
from serai_isapi.shapes import Employee, FoundEmployees
from serai_isapi.snapshot.cut import Cut
from serai_isapi.snapshot.person import Person

_encode = msgspec.json.Encoder().encode


@attrs.frozen
class ReadyPeople:
    """People found in memory, as they will be shown."""

    people: list[Person]
    cut: Cut

    def __len__(self) -> int:
        return len(self.people)

    @overload
    def __getitem__(self, at: int) -> Person: ...
    @overload
    def __getitem__(self, at: slice) -> ReadyPeople: ...
    def __getitem__(self, at: int | slice) -> Person | ReadyPeople:
        return ReadyPeople(self.people[at], self.cut) if isinstance(at, slice) else self.people[at]

    def page(self, next_cursor: str | None = None) -> Encoded[Page[Employee]]:
        """All of them as a `Page`."""
        body = b'{"items":[%b],"next_cursor":%b}' % (self._items(), _encode(next_cursor))
        return Encoded(body, next_cursor=next_cursor)

    def found(self, missing: Iterable[str]) -> Encoded[FoundEmployees]:
        """All of them as `FoundEmployees`."""
        return Encoded(b'{"items":[%b],"missing":%b}' % (self._items(), _encode(list(missing))))

    def _items(self) -> bytes:
        return b",".join(map(self.cut, self.people))
