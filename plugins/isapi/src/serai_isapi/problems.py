"""What a question to isapi can be refused with: the same classes here and in the client."""

from __future__ import annotations

from serai import NotFound, Refused, Unavailable


class EmployeeNotFound(NotFound):
    """There is nobody of that emplid or account."""

    slug = "employee-not-found"
    title = "There is no such employee"


class DepartmentNotFound(NotFound):
    """There is no department of that deptid."""

    slug = "department-not-found"
    title = "There is no such department"


class AsOfOutOfRange(Refused):
    """`as_of` lies before the first known day or too far ahead."""

    slug = "as-of-out-of-range"
    title = "Nothing is known of that day"


class NoDataYet(Unavailable):
    """Nothing has been read from the HR system yet."""

    slug = "no-data-yet"
    title = "Nothing has been read from the HR system yet"
