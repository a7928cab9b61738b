"""`Client`: the employee directory over HTTP, for plugins where isapi runs elsewhere and for any Python program.

```python
async with connect("https://serai.example", "srk_...") as isapi:
    person = await isapi.employee("00012345")
```
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import date
from urllib.parse import quote

import attrs

from serai import Followed, Page, RemoteApi
from serai_isapi.fields import FieldName
from serai_isapi.problems import AsOfOutOfRange, DepartmentNotFound, EmployeeNotFound, NoDataYet
from serai_isapi.service import Include
from serai_isapi.shapes import Department, Employee, FoundEmployees, Responsible
from serai_isapi.topics import DEPARTMENT, EMPLOYEE, DepartmentChange, EmployeeChange

BATCH = 500
"""People of one request."""

_ALWAYS = (AsOfOutOfRange, NoDataYet)
_OF_PEOPLE = (EmployeeNotFound, *_ALWAYS)
_OF_DEPARTMENTS = (DepartmentNotFound, *_ALWAYS)


@asynccontextmanager
async def connect(url: str, key: str) -> AsyncIterator[Client]:
    """A client for a program outside Serai; `url` is the deployment that isapi runs in."""
    async with RemoteApi.open("isapi", url, key) as api:
        yield Client(api)


@attrs.frozen
class Client:
    """`serai_isapi.service.EmployeeDirectory` as the key of `api` may see it."""

    api: RemoteApi

    async def employee(
        self, emplid: str, *, fields: Sequence[FieldName] | None = None, as_of: date | None = None
    ) -> Employee:
        path = f"/employees/{_segment(emplid, EmployeeNotFound)}"
        return await self.api.get(path, Employee, {"fields": fields, "as_of": as_of}, raises=_OF_PEOPLE)

    async def employee_by_account(
        self, rtx_id: str, *, fields: Sequence[FieldName] | None = None, as_of: date | None = None
    ) -> Employee:
        path = f"/employees/by-account/{_segment(rtx_id, EmployeeNotFound)}"
        return await self.api.get(path, Employee, {"fields": fields, "as_of": as_of}, raises=_OF_PEOPLE)

    async def batch(
        self, emplids: Sequence[str], *, fields: Sequence[FieldName] | None = None, as_of: date | None = None
    ) -> FoundEmployees:
        asked = list(dict.fromkeys(emplids))
        people: list[Employee] = []
        missing: list[str] = []
        for start in range(0, len(asked), BATCH):
            body = {"emplids": asked[start : start + BATCH], "fields": fields, "as_of": as_of}
            found = await self.api.post("/employees:batch-get", body, FoundEmployees, raises=_ALWAYS)
            people += found.items
            missing += found.missing
        return FoundEmployees(items=people, missing=missing)

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
        query = {
            "q": q,
            "dept": dept,
            "recursive": recursive,
            "location": location,
            "manager": manager,
            "include": include or None,
            "fields": fields,
            "as_of": as_of,
        }
        return self.api.pages("/employees", Employee, query, raises=_ALWAYS)

    def members(
        self,
        deptid: str,
        *,
        recursive: bool = False,
        fields: Sequence[FieldName] | None = None,
        as_of: date | None = None,
    ) -> AsyncIterator[Employee]:
        query = {"recursive": recursive, "fields": fields, "as_of": as_of}
        return self.api.pages(
            f"/departments/{_segment(deptid, DepartmentNotFound)}/members", Employee, query, raises=_OF_DEPARTMENTS
        )

    async def manager_chain(
        self, emplid: str, *, fields: Sequence[FieldName] | None = None, as_of: date | None = None
    ) -> list[Employee]:
        path, query = (
            f"/employees/{_segment(emplid, EmployeeNotFound)}/manager-chain",
            {"fields": fields, "as_of": as_of},
        )
        return (await self.api.get(path, Page[Employee], query, raises=_OF_PEOPLE)).items

    async def hrbp(self, emplid: str, *, fields: Sequence[FieldName] | None = None) -> Responsible:
        path = f"/employees/{_segment(emplid, EmployeeNotFound)}/hrbp"
        return await self.api.get(path, Responsible, {"fields": fields}, raises=_OF_PEOPLE)

    async def department(self, deptid: str, *, as_of: date | None = None) -> Department:
        path = f"/departments/{_segment(deptid, DepartmentNotFound)}"
        return await self.api.get(path, Department, {"as_of": as_of}, raises=_OF_DEPARTMENTS)

    def departments(
        self, q: str | None = None, *, parent: str | None = None, inactive: bool = False, as_of: date | None = None
    ) -> AsyncIterator[Department]:
        query = {"q": q, "parent": parent, "include": "inactive" if inactive else None, "as_of": as_of}
        return self.api.pages("/departments", Department, query, raises=_ALWAYS)

    def changes(self, since: str | None = None) -> AsyncIterator[Followed[EmployeeChange | DepartmentChange]]:
        return self.api.follow("/changes", [EMPLOYEE, DEPARTMENT], since)


def _segment(key: str, unknown: type[EmployeeNotFound | DepartmentNotFound]) -> str:
    """The key as one segment of a path. Raises `unknown` where it would be none, as dots are (RFC 3986, 5.2.4)."""
    if not key.strip("."):
        raise unknown(f"nothing is called {key!r}")
    return quote(key, safe="")
