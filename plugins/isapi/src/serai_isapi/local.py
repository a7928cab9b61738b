"""`LocalDirectory`: the employee directory for plugins that run beside isapi."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import date, datetime

import attrs

from serai import Feed, Followed, Problem, Topic
from serai_isapi.departments import Departments
from serai_isapi.directory import Directory, Filter
from serai_isapi.fields import FieldName, Shown
from serai_isapi.hidden import HiddenPeople
from serai_isapi.published import Edition
from serai_isapi.service import Include
from serai_isapi.shapes import Department, Employee, FoundEmployees, Responsible, Status
from serai_isapi.sight import without
from serai_isapi.state import DataState
from serai_isapi.topics import DEPARTMENT, EMPLOYEE, DepartmentChange, EmployeeChange

PAGE = 500
"""Rows that are read at a time."""
WAIT = 60.0
"""Seconds between two looks at the feed, where nothing tells of news."""
_GONE = 410
_TOPICS: Sequence[Topic[EmployeeChange | DepartmentChange]] = (EMPLOYEE, DEPARTMENT)  # type: ignore[assignment]

_STATUS_OF: Mapping[Include, Status] = {"leavers": "leaver", "future": "future"}


@attrs.frozen(kw_only=True)
class LocalDirectory:
    """`serai_isapi.service.EmployeeDirectory` over the published tables.

    Hidden people do not exist here. All fields are there: what callers may see of them, the kernel decides when the
    plugin that asks answers with the same Structs.
    """

    people: Directory
    tree: Departments
    state: DataState
    hidden: HiddenPeople
    feed: Feed
    now: Callable[[], datetime]

    async def employee(
        self, emplid: str, *, fields: Sequence[FieldName] | None = None, as_of: date | None = None
    ) -> Employee:
        return await self.people.one(emplid, shown=_shown(fields), edition=self._edition(as_of))

    async def employee_by_account(
        self, rtx_id: str, *, fields: Sequence[FieldName] | None = None, as_of: date | None = None
    ) -> Employee:
        return await self.people.by_account(rtx_id, shown=_shown(fields), edition=self._edition(as_of))

    async def batch(
        self, emplids: Sequence[str], *, fields: Sequence[FieldName] | None = None, as_of: date | None = None
    ) -> FoundEmployees:
        return await self.people.batch(emplids, shown=_shown(fields), edition=self._edition(as_of))

    def search(
        self,
        q: str | None = None,
        *,
        dept: str | None = None,
        recursive: bool = False,
        location: str | None = None,
        manager: str | None = None,
        include: Sequence[Include] = (),
        fields: Sequence[FieldName] | None = None,
        as_of: date | None = None,
    ) -> AsyncIterator[Employee]:
        statuses: tuple[Status, ...] = ("active", *(_STATUS_OF[one] for one in include))
        wanted = Filter(q=q, dept=dept, recursive=recursive, statuses=statuses, location=location, manager=manager)
        return self._found(wanted, fields, self._edition(as_of))

    async def members(
        self,
        deptid: str,
        *,
        recursive: bool = False,
        fields: Sequence[FieldName] | None = None,
        as_of: date | None = None,
    ) -> AsyncIterator[Employee]:
        edition = self._edition(as_of)
        await self.tree.one(deptid, edition=edition)
        async for person in self._found(Filter(dept=deptid, recursive=recursive), fields, edition):
            yield person

    async def manager_chain(
        self, emplid: str, *, fields: Sequence[FieldName] | None = None, as_of: date | None = None
    ) -> list[Employee]:
        return await self.people.manager_chain(emplid, shown=_shown(fields), edition=self._edition(as_of))

    async def hrbp(self, emplid: str, *, fields: Sequence[FieldName] | None = None) -> Responsible:
        return await self.people.hrbp(emplid, shown=_shown(fields), edition=self._edition())

    async def department(self, deptid: str, *, as_of: date | None = None) -> Department:
        return await self.tree.one(deptid, edition=self._edition(as_of))

    async def departments(
        self, q: str | None = None, *, parent: str | None = None, inactive: bool = False, as_of: date | None = None
    ) -> AsyncIterator[Department]:
        edition, after = self._edition(as_of), None
        while True:
            found = await self.tree.search(
                q=q, parent=parent, inactive=inactive, edition=edition, limit=PAGE, after=after
            )
            for department in found:
                yield department
            if len(found) < PAGE:
                return
            after = (found[-1].setid, found[-1].deptid)

    async def changes(self, since: str | None = None) -> AsyncIterator[Followed[EmployeeChange | DepartmentChange]]:
        while True:
            if since is None or not since.isdecimal():  # or it was a position in another deployment's feed
                since = str(await self.feed.head())
                yield Followed(event=None, since=since)
            head = await self.feed.head()
            try:
                events = await self.feed.read(_TOPICS, after=int(since))
            except Problem as problem:
                if problem.status != _GONE:
                    raise
                since = None
                continue
            for event in events:
                since = str(event.seq)
                known = without(self.hidden.emplids, event)
                if known is not None:
                    yield Followed(event=known, since=since)
            if not events:  # up to the head there were only other topics
                since = str(head)
                await self.feed.wait(head, WAIT)

    async def _found(
        self, wanted: Filter, fields: Sequence[FieldName] | None, edition: Edition
    ) -> AsyncIterator[Employee]:
        after: str | None = None
        while True:
            found = await self.people.search(wanted, shown=_shown(fields), edition=edition, limit=PAGE, after=after)
            for person in found:
                yield person
            if len(found) < PAGE:
                return
            after = found[-1].emplid

    def _edition(self, as_of: date | None = None) -> Edition:
        return self.state.edition(as_of, self.now()).hiding(self.hidden.emplids)


def _shown(fields: Sequence[FieldName] | None) -> Shown:
    every = Employee.__struct_fields__
    return Shown(every if fields is None else tuple(field for field in every if field in {"emplid", *fields}))
