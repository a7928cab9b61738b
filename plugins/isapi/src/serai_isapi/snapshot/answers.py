"""What is answered of people in memory: ready JSON, or where that is the kernel's work, the objects that it encodes."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import attrs
import msgspec

from serai import Encoded, Page
from serai_isapi.directory import Filter
from serai_isapi.shapes import Employee, FoundEmployees
from serai_isapi.snapshot.cut import Cut, cut_of
from serai_isapi.snapshot.finding import find
from serai_isapi.snapshot.person import PERSONAL, Person
from serai_isapi.snapshot.snapshot import Snapshot

KEPT = 256
"""So many pages of a snapshot are kept at the most ..."""
KEPT_PEOPLE = 51
"""... and only those with so few people: some 25 kB each."""

_encode = msgspec.json.Encoder().encode
_PERSONAL = frozenset(PERSONAL)


@attrs.define
class ReadyPeople:
    """People as they will be shown. What it gives is what msgspec would encode of a list of `Employee`."""

    people: list[Person]
    """Those of a page, and one more where another page follows."""
    cut: Cut
    limit: int
    """How many fill a page."""

    def __len__(self) -> int:
        return len(self.people)

    def page(self, cursor_after: Callable[[str], str | None]) -> Encoded[Page[Employee]]:
        """The page; `cursor_after` an emplid, where it is not the last."""
        if len(self.people) <= self.limit:
            return self._last_page
        cursor = cursor_after(self.people[self.limit - 1].emplid)
        return Encoded(b'{"items":[%b],"next_cursor":%b}' % (self._items, _encode(cursor)), next_cursor=cursor)

    def found(self) -> Encoded[FoundEmployees]:
        """All of them as `FoundEmployees`, of whom none is missing."""
        return Encoded(b'{"items":[%b],"missing":[]}' % self._items)

    @cached_property
    def _items(self) -> bytes:
        return b",".join(map(self.cut, self.people[: self.limit]))

    @cached_property
    def _last_page(self) -> Encoded[Page[Employee]]:
        return Encoded(b'{"items":[%b],"next_cursor":null}' % self._items)


def one_of(person: Person, fields: tuple[str, ...]) -> Employee | Encoded[Employee]:
    """The person with these fields."""
    return Encoded(cut_of(fields)(person)) if _PERSONAL.isdisjoint(fields) else person.employee(fields)


def all_of(people: list[Person], fields: tuple[str, ...], limit: int | None = None) -> list[Employee] | ReadyPeople:
    """The people with these fields; `limit` as in `ReadyPeople`, without it all of them fill one page.

    Personal ones are objects: the kernel leaves out, masks and notes what is shown of whom.
    """
    if _PERSONAL.isdisjoint(fields):
        return ReadyPeople(people, cut_of(fields), len(people) if limit is None else limit)
    return [person.employee(fields) for person in people]


def page_of(
    snapshot: Snapshot, wanted: Filter, fields: tuple[str, ...], *, limit: int, after: str | None
) -> list[Employee] | ReadyPeople | None:
    """A page of `limit` people, and one more where another page follows; None: better ask the database.

    What is ready is kept with the snapshot: the same few questions come again and again.
    """
    question = wanted, fields, limit, after
    kept: ReadyPeople | None = snapshot.kept.get(question)
    if kept is not None:
        return kept
    found = find(snapshot, wanted, limit=limit + 1, after=after)
    if found is None:
        return None
    people = all_of(found, fields, limit)
    if isinstance(people, ReadyPeople) and len(people) <= KEPT_PEOPLE:
        if len(snapshot.kept) >= KEPT:
            snapshot.kept.clear()
        snapshot.kept[question] = people
    return people
