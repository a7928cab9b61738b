"""What is answered of people in memory: ready JSON, or where that is the kernel's work, the objects that it encodes."""

from __future__ import annotations

from typing import overload

import attrs
import msgspec

from serai import Encoded, Page
from serai_isapi.shapes import Employee, FoundEmployees
from serai_isapi.snapshot.cut import Cut, cut_of
from serai_isapi.snapshot.person import PERSONAL, Person

_encode = msgspec.json.Encoder().encode
_PERSONAL = frozenset(PERSONAL)


@attrs.frozen
class ReadyPeople:
    """People as they will be shown. What it gives is what msgspec would encode of a list of `Employee`."""

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

    def page(self, next_cursor: str | None) -> Encoded[Page[Employee]]:
        """All of them as a `Page`."""
        body = b'{"items":[%b],"next_cursor":%b}' % (self._items(), _encode(next_cursor))
        return Encoded(body, next_cursor=next_cursor)

    def found(self) -> Encoded[FoundEmployees]:
        """All of them as `FoundEmployees`, of whom none is missing."""
        return Encoded(b'{"items":[%b],"missing":[]}' % self._items())

    def _items(self) -> bytes:
        return b",".join(map(self.cut, self.people))


def one_of(person: Person, fields: tuple[str, ...]) -> Employee | Encoded[Employee]:
    """The person with these fields."""
    return Encoded(cut_of(fields)(person)) if _PERSONAL.isdisjoint(fields) else person.employee(fields)


def all_of(people: list[Person], fields: tuple[str, ...]) -> list[Employee] | ReadyPeople:
    """The people with these fields.

    Personal ones are objects: the kernel leaves out, masks and notes what is shown of whom.
    """
    if _PERSONAL.isdisjoint(fields):
        return ReadyPeople(people, cut_of(fields))
    return [person.employee(fields) for person in people]
