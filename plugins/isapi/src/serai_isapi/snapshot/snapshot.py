"""One state of all people who have not left, which nothing changes any more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from serai_isapi.snapshot.keyed import NOBODY, Keyed
from serai_isapi.snapshot.lines import Lines, LinesBuilder
from serai_isapi.snapshot.pace import Pace
from serai_isapi.snapshot.person import ACCOUNT, MANAGER, Person, lines_of, prefix

REBUILD_PART = 10
"""From every tenth person on, it is quicker to index all anew than what has changed."""


@attrs.frozen
class Snapshot:
    """People by emplid, and the one index by which they are found."""

    people: Keyed
    index: Lines
    kept: dict[Any, Any] = attrs.field(factory=dict, eq=False, repr=False)
    """Answers that were made of it."""

    def one(self, emplid: str) -> Person | None:
        """The person of that emplid; None also for a leaver."""
        return self.people.get(emplid.encode())

    def by_account(self, rtx_id: str) -> Person | None:
        """The bearer of that chat account who works here, of several of these the last."""
        bearers = self.people.known(self.index.starting_with(prefix(ACCOUNT, rtx_id)))
        working = (person for person in bearers if person.status == "active")
        return max(working, key=lambda person: person.id, default=None)

    def managers(self, person: Person) -> list[Person]:
        """The manager, that one's manager and so on up; it ends before anybody comes twice.

        Managers work here: who has left manages nobody.
        """
        chain = [person]
        while (emplid := chain[-1].manager) is not None:
            above = self.one(emplid)
            if above is None or above in chain:
                break
            chain.append(above)
        return chain[1:]

    async def changed(self, changes: Mapping[bytes, Person | None], pace: Pace) -> Snapshot:
        """The same with other people, by emplid: None for those who are gone."""
        people = await self.people.changed(changes, pace)
        if len(changes) * REBUILD_PART >= len(people):
            return Snapshot(people, await index_of(people, pace))
        removed: set[bytes] = set()
        added: set[bytes] = set()
        for emplid, person in changes.items():
            before = self.people.get(emplid)
            old = {line for line, _ in lines_of(before)} if before else set()
            new = {line for line, _ in lines_of(person)} if person else set()
            removed |= old - new
            added |= new - old
            await pace.rest()
        return Snapshot(people, await self.index.changed(removed, added, pace))

    async def without(self, hidden: frozenset[str], pace: Pace) -> Snapshot:
        """The same as if these people were not: they are nobody's manager either."""
        affected = {emplid.encode() for emplid in hidden}
        for emplid in hidden:
            affected.update(self.index.starting_with(prefix(MANAGER, emplid)))
        return await self.changed(
            {person.id: person.seen_without(hidden) for person in self.people.known(affected)}, pace
        )


EMPTY = Snapshot(NOBODY, Lines([], []))


async def index_of(people: Iterable[Person], pace: Pace) -> Lines:
    """The index of these people, made from nothing."""
    builder = LinesBuilder()
    for person in people:
        for line, shelf in lines_of(person):
            builder.add(line, line[:shelf])
        await pace.rest()
    return await builder.finish(pace)
