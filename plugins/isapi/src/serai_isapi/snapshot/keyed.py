"""People by emplid, immutable, in parts: a change copies the parts that it touches and shares the others.

One dict of everybody would have to be copied whole, which takes 10 ms for 100,000 people.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from serai_isapi.snapshot.pace import Pace
from serai_isapi.snapshot.person import Person

PARTS = 1024


class Keyed:
    """The people. A part is a dict; the key's hash says which."""

    __slots__ = ("_parts",)

    def __init__(self, parts: list[dict[bytes, Person]]) -> None:
        self._parts = parts

    def get(self, emplid: bytes) -> Person | None:
        return self._parts[hash(emplid) % PARTS].get(emplid)

    def known(self, emplids: Iterable[bytes]) -> Iterator[Person]:
        """Those of them that there are, in the order given."""
        parts = self._parts
        for emplid in emplids:
            person = parts[hash(emplid) % PARTS].get(emplid)
            if person is not None:
                yield person

    def __iter__(self) -> Iterator[Person]:
        for part in self._parts:
            yield from part.values()

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    async def changed(self, changes: Mapping[bytes, Person | None], pace: Pace) -> Keyed:
        """The same with other people; None for those who are gone."""
        touched: defaultdict[int, list[bytes]] = defaultdict(list)
        for emplid in changes:
            touched[hash(emplid) % PARTS].append(emplid)
        parts = [*self._parts]
        for number, emplids in touched.items():
            part = {**parts[number], **{emplid: person for emplid in emplids if (person := changes[emplid])}}
            for emplid in emplids:
                if changes[emplid] is None:
                    part.pop(emplid, None)
            parts[number] = part
            await pace.rest()
        return Keyed(parts)


NOBODY = Keyed([{} for _ in range(PARTS)])
