"""`EmployeeDirectory`: what isapi does for other plugins, whether it runs beside them or elsewhere.

`ctx.services.get(EmployeeDirectory)` is `serai_isapi.local.LocalDirectory` in a deployment that runs isapi, and
`serai_isapi.client.Client` in one whose `[services.isapi]` says where it runs.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import date
from typing import Literal, Protocol

from serai import Followed
from serai_isapi.fields import FieldName
from serai_isapi.shapes import Department, Employee, FoundEmployees, Responsible
from serai_isapi.topics import DepartmentChange, EmployeeChange

Include = Literal["leavers", "future"]


class EmployeeDirectory(Protocol):
    """People and departments. What every method takes and raises is said in docs/plugins/isapi-client.md.

    `fields` are those to answer with, all where it is None; `as_of` is the day to look at, None for today. Beside what
    they name, methods raise `NoDataYet` before the first synchronisation, `AsOfOutOfRange`, and `Unavailable` while
    isapi cannot be reached.
    """

    async def employee(
        self, emplid: str, *, fields: Sequence[FieldName] | None = None, as_of: date | None = None
    ) -> Employee:
        """That person, whatever their status. Raises `EmployeeNotFound`."""

    async def employee_by_account(
        self, rtx_id: str, *, fields: Sequence[FieldName] | None = None, as_of: date | None = None
    ) -> Employee:
        """The bearer of that chat account. Raises `EmployeeNotFound`."""

    async def batch(
        self, emplids: Sequence[str], *, fields: Sequence[FieldName] | None = None, as_of: date | None = None
    ) -> FoundEmployees:
        """These people, as many as they are, each one once, in the order given, and the ids that nobody has."""

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
        """People who match everything that is given, in emplid order: those who work here, and who is included.

        `q` is beginnings of names, pinyin, initials, accounts and mails; `recursive`: also in departments below `dept`.
        """

    def members(
        self,
        deptid: str,
        *,
        recursive: bool = False,
        fields: Sequence[FieldName] | None = None,
        as_of: date | None = None,
    ) -> AsyncIterator[Employee]:
        """Who works in the department, in emplid order. Raises `DepartmentNotFound`."""

    async def manager_chain(
        self, emplid: str, *, fields: Sequence[FieldName] | None = None, as_of: date | None = None
    ) -> list[Employee]:
        """The person's manager, that one's manager and so on up. Raises `EmployeeNotFound`."""

    async def hrbp(self, emplid: str, *, fields: Sequence[FieldName] | None = None) -> Responsible:
        """Today's HR business partners of the person. Raises `EmployeeNotFound`."""

    async def department(self, deptid: str, *, as_of: date | None = None) -> Department:
        """That department, closed or not. Raises `DepartmentNotFound`."""

    def departments(
        self, q: str | None = None, *, parent: str | None = None, inactive: bool = False, as_of: date | None = None
    ) -> AsyncIterator[Department]:
        """Departments that match everything that is given, in the order of setid and deptid.

        `q` is a part of the name, or the beginning of the deptid.
        """

    def changes(self, since: str | None = None) -> AsyncIterator[Followed[EmployeeChange | DepartmentChange]]:
        """What changes, for ever, from the `since` of an earlier step on; a payload of None: gone.

        A step without an event, the first one where `since` is None, means: fetch everything now, then go on.
        """
