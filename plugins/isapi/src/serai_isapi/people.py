"""Who is asked for: from memory where it can answer, else from the database. Both answer in the same bytes."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from serai import Encoded
from serai_isapi.directory import Directory, Filter
from serai_isapi.fields import Shown
from serai_isapi.published import PRESENT, Edition
from serai_isapi.shapes import Employee, FoundEmployees
from serai_isapi.snapshot import ReadyPeople, Snapshot, Snapshots, all_of, one_of, page_of


@attrs.frozen
class People:
    """The hot reads of people. Memory holds today, without leavers; what it does not know, `directory` does."""

    directory: Directory
    snapshots: Snapshots

    async def one(self, emplid: str, *, shown: Shown, edition: Edition = PRESENT) -> Employee | Encoded[Employee]:
        """That person, whatever their status. Raises `EmployeeNotFound`."""
        snapshot = self._memory(edition)
        person = snapshot.one(emplid) if snapshot else None
        if person is None:
            return await self.directory.one(emplid, shown=shown, edition=edition)
        return one_of(person, shown.fields)

    async def by_account(
        self, rtx_id: str, *, shown: Shown, edition: Edition = PRESENT
    ) -> Employee | Encoded[Employee]:
        """The bearer of that chat account; of several the one who works here. Raises `EmployeeNotFound`."""
        snapshot = self._memory(edition)
        person = snapshot.by_account(rtx_id) if snapshot else None
        if person is None:
            return await self.directory.by_account(rtx_id, shown=shown, edition=edition)
        return one_of(person, shown.fields)

    async def batch(
        self, emplids: Sequence[str], *, shown: Shown, edition: Edition = PRESENT
    ) -> FoundEmployees | Encoded[FoundEmployees]:
        """These people, each one once, in the order given, and the ids that nobody has."""
        snapshot = self._memory(edition)
        asked = dict.fromkeys(emplids)
        found = [person for emplid in asked if (person := snapshot.one(emplid))] if snapshot else []
        if len(found) < len(asked):
            return await self.directory.batch(emplids, shown=shown, edition=edition)
        people = all_of(found, shown.fields)
        return people.found() if isinstance(people, ReadyPeople) else FoundEmployees(items=people, missing=[])

    async def manager_chain(
        self, emplid: str, *, shown: Shown, edition: Edition = PRESENT
    ) -> list[Employee] | ReadyPeople:
        """The person's manager, their manager and so on up. Raises `EmployeeNotFound`."""
        snapshot = self._memory(edition)
        person = snapshot.one(emplid) if snapshot else None
        if snapshot is None or person is None:
            return await self.directory.manager_chain(emplid, shown=shown, edition=edition)
        return all_of(snapshot.managers(person), shown.fields)

    async def search(
        self, wanted: Filter, *, shown: Shown, edition: Edition = PRESENT, limit: int = 50, after: str | None = None
    ) -> list[Employee] | ReadyPeople:
        """A page of `limit` people in the order of their emplids, from beyond `after` on; one more if others follow."""
        snapshot = self._memory(edition)
        found = page_of(snapshot, wanted, shown.fields, limit=limit, after=after) if snapshot else None
        if found is None:
            return await self.directory.search(wanted, shown=shown, edition=edition, limit=limit + 1, after=after)
        return found

    def _memory(self, edition: Edition) -> Snapshot | None:
        """The newest snapshot, where there is one of that edition."""
        return self.snapshots.without(edition.hidden) if edition.present else None
