"""People in their jobs: who is a member of which department, who leads it, and who is whose superior."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import Generic, TypeVar

from serai_ehr.demo import jobs
from serai_ehr.demo.jobs import History, JobRow
from serai_ehr.demo.organisation import Department
from serai_ehr.demo.people import BLANK, Person

T = TypeVar("T")


class Career:
    """A person's time with the company."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.records: list[Assignment] = []
        """The employment records; their number is the next EMPL_RCD."""
        self.left: datetime | None = None
        self.second: Assignment | None = None
        """A concurrent job."""
        self.hrbp: Assignment | None = None
        """An HRBP of the person's own, instead of the department's."""
        self.looked_after_since = person.entered


class Assignment:
    """One employment record (EMPL_RCD) of a person: its rows, and the department it is in now."""

    def __init__(self, career: Career, department: Department, first: JobRow) -> None:
        self.career = career
        self.department = department
        self.rows: History = (first,)
        self.settled = first.effdt
        """The last day for which something is already on file: nothing else befalls the person before it is over."""
        career.records.append(self)
        department.members[self] = None

    @property
    def emplid(self) -> str:
        return self.career.person.emplid

    @property
    def leads(self) -> bool:
        """Whether it is the leader's of its department."""
        return self.department.leader is self

    def free(self, day: date) -> bool:
        """Whether the person is at work and nothing is pending."""
        return self.settled <= day and self.rows[-1].empl_status == "A"


def superior(assignment: Assignment) -> str:
    """EMPLID of the leader next above: of the own department, or of the nearest one above that somebody else leads.

    As who leads a department is a member of it and has no second job, following it always leads upwards and ends.
    """
    department = assignment.department.parent if assignment.leads else assignment.department
    return superior_in(department, assignment.career)


def superior_in(department: Department | None, career: Career) -> str:
    """EMPLID of whom a member of that department answers to."""
    while department and (department.leader is None or department.leader.career is career):
        department = department.parent
    return department.leader.emplid if department and department.leader else BLANK


def reports(department: Department) -> Iterator[Assignment]:
    """All whose superior is looked for in this department, its own leader left out."""
    for member in department.members:
        if not member.leads:
            yield member
    for child in department.children:
        if child.leader:
            yield child.leader
        else:
            yield from reports(child)


def realign(department: Department, day: date, moment: datetime) -> None:
    """Give everybody in and next below the department the superior that they have now."""
    people = [*reports(department), *([department.leader] if department.leader else [])]
    for assignment in people:
        wanted = superior(assignment)
        known = jobs.current(assignment.rows, day) or assignment.rows[-1]
        if known.supervisor_id != wanted:
            assignment.rows = jobs.follow(assignment.rows, day, moment, "DTA", supervisor_id=wanted)


def most_senior(department: Department, day: date) -> Assignment | None:
    """Which member would lead the department next: the highest grade, then the longest there."""
    candidates = [
        member
        for member in department.members
        if member.free(day) and not member.leads and not member.career.second and member.rows[-1].per_org == "EMP"
        and member.rows[-1].job_indicator == "P"
    ]  # fmt: skip
    return max(candidates, key=lambda member: member.rows[-1].grade, default=None)


class Roster(Generic[T]):
    """Things to draw from at random, while some come and some go."""

    def __init__(self) -> None:
        self.members: list[T] = []
        self._places: dict[T, int] = {}

    def __len__(self) -> int:
        return len(self.members)

    def append(self, item: T) -> None:
        """Add one."""
        self._places[item] = len(self.members)
        self.members.append(item)

    def remove(self, item: T) -> None:
        """Take one out; the last one gets the free place, so that it costs the same in a company of any size."""
        place, last = self._places.pop(item), self.members.pop()
        if last is not item:
            self.members[place] = last
            self._places[last] = place
