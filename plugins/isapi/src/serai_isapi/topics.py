"""The topics in which isapi tells what changes."""

from __future__ import annotations

from serai import Topic
from serai_isapi.shapes import Department, Employee


class EmployeeChange(Employee, frozen=True, kw_only=True):
    """A person as they are published now, with every field. The key is the emplid."""


class DepartmentChange(Department, frozen=True, kw_only=True):
    """A department as it is published now. The key is `setid/deptid`."""


EMPLOYEE = Topic(name="isapi.employee", payload=EmployeeChange)
DEPARTMENT = Topic(name="isapi.department", payload=DepartmentChange)
