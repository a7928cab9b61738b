"""`Company`: fifteen years of history at the epoch, and on from there, day by day, up to any moment."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import date, datetime, time, timedelta

import attrs

from serai_ehr.demo import events, reorganisation
from serai_ehr.demo.clock import ZONE
from serai_ehr.demo.dice import Dice
from serai_ehr.demo.jobs import History
from serai_ehr.demo.organisation import Department, DeptRow, Organisation
from serai_ehr.demo.people import AccountBook, Person
from serai_ehr.demo.relations import relation_rows
from serai_ehr.demo.staff import Assignment, Career, Roster
from serai_ehr.demo.succession import assign_hrbps
from serai_ehr.source import Row

Event = Callable[["Company", date, datetime, Dice], None]
Due = Callable[[date, datetime], None]

HISTORY = timedelta(days=15 * 365)
"""How long before the epoch the company was founded."""
_FOUNDERS_SHARE = 0.12
_WORKING_DAYS = 260
_YEARLY: tuple[tuple[Event, float], ...] = (
    (events.leave, 0.09),
    (events.promote, 0.12),
    (events.transfer, 0.08),
    (events.take_leave, 0.03),
    (events.relocate, 0.04),
    (events.correct, 0.03),
    (events.add_second_job, 0.006),
)
"""How often an event befalls one person in a year."""


@attrs.frozen
class Snapshot:
    """The company as it was on file at one moment; nothing that happens later changes it."""

    moment: datetime
    epoch: datetime
    contact_period: timedelta
    people: tuple[tuple[Person, datetime | None], ...]
    """Everybody who was ever hired, with the moment of leaving."""
    histories: tuple[History, ...]
    departments: tuple[tuple[DeptRow, ...], ...]
    trees: tuple[tuple[Row, ...], ...]
    relations: tuple[Row, ...]


class Company:
    """The company's state at `now`, which only goes forward: the same for the same `size`, `seed` and `epoch`."""

    def __init__(self, *, size: int, seed: int, epoch: datetime) -> None:
        self.size = size
        self.seed = seed
        self.epoch = epoch.astimezone(ZONE)
        self._founded = (self.epoch - HISTORY).date()
        self._day = self._founded
        self.now = datetime.combine(self._founded, time(9), ZONE)
        self._agenda: deque[tuple[datetime, Event]] = deque()
        self._dice = Dice(seed, "founding")
        self._due: dict[date, list[Due]] = {}
        self.account_of = AccountBook()
        self.careers: list[Career] = []
        self.assignments: list[Assignment] = []
        self.staff: Roster[Assignment] = Roster()
        self.alumni: Roster[Career] = Roster()
        self.with_own_hrbp: list[Career] = []
        self.organisation = Organisation(self._founded, self.now)
        self._found()

    def _found(self) -> None:
        """Departments with a leader each, and the first people."""
        day, moment, dice = self._founded, self.now, self._dice
        people = max(14, int(self.size * _FOUNDERS_SHARE))
        for _ in range(reorganisation.departments_for(people) - 1):
            self.organisation.extend(dice, day, moment)
        self.organisation.draw_tree(day)
        for number in range(people):
            led = self.organisation.opened[number] if number < len(self.organisation.opened) else self.vacancy(dice)
            assignment = events.engage(self, led, day, moment, dice)
            self.staff.append(assignment)
            events.arrive(assignment, day, moment)
        assign_hrbps(self, moment)

    def advance(self, moment: datetime) -> None:
        """Let everything happen that happens up to the moment; one that has passed changes nothing."""
        while True:
            while self._agenda and self._agenda[0][0] <= moment:
                self.now, event = self._agenda.popleft()
                event(self, self._day, self.now, self._dice)
            if self._agenda or datetime.combine(self._day + timedelta(days=1), time(), ZONE) > moment:
                break
            self._day += timedelta(days=1)
            self._begin_day()
        self.now = max(self.now, moment)

    def _begin_day(self) -> None:
        """At midnight: what was on file for the day; then plan the day's events over the office hours."""
        day = self._day
        midnight = datetime.combine(day, time(), ZONE)
        for due in self._due.pop(day, ()):
            due(day, midnight)
        if reorganisation.is_due(day):
            reorganisation.reorganise(self, day, midnight, Dice(self.seed, "reorganisation", day))
        if day.weekday() >= 5:
            return
        self._dice = dice = Dice(self.seed, "day", day)
        happening: list[Event] = [events.hire] * dice.about(max(0, self._wanted() - len(self.staff)) * 0.2)
        for event, yearly in _YEARLY:
            happening += [event] * dice.about(len(self.staff) * yearly / _WORKING_DAYS)
        opening, hours = midnight + timedelta(hours=9), 9 * 3600
        for number, planned in enumerate(dice.shuffled(happening)):
            second = int((number + dice.random()) * hours / len(happening))
            self._agenda.append((opening + timedelta(seconds=second), planned))

    def _wanted(self) -> float:
        """How many people the company wants to have: grows evenly to `size` at the epoch."""
        grown = min(1.0, (self._day - self._founded) / HISTORY)
        return self.size * (_FOUNDERS_SHARE + (1 - _FOUNDERS_SHARE) * grown)

    def at(self, day: date, due: Due) -> None:
        """Have something happen at the beginning of a later day."""
        if day > self._day:
            self._due.setdefault(day, []).append(due)

    def assign(self, assignment: Assignment) -> Assignment:
        """Take a new employment record into the books."""
        self.assignments.append(assignment)
        career = assignment.career
        if career.person.index % 97 == 3 and len(career.records) == 1:
            self.with_own_hrbp.append(career)
        return assignment

    def somebody(self, dice: Dice, day: date) -> Assignment | None:
        """A person at work with nothing pending; None where the dice found nobody."""
        for _ in range(8):
            assignment = dice.pick(self.staff.members)
            if assignment.free(day):
                return assignment
        return None

    def alumnus(self, dice: Dice) -> Career | None:
        """Somebody who left."""
        return dice.pick(self.alumni.members) if self.alumni.members else None

    def main_record(self, career: Career) -> Assignment:
        """The employment record that a person left from."""
        return next(each for each in reversed(career.records) if each.rows[-1].job_indicator == "P")

    def vacancy(self, dice: Dice) -> Department:
        """A department that could use somebody: without a leader first, then on the lowest levels, then small."""
        candidates = [dice.pick(self.organisation.opened) for _ in range(3)]
        return min(
            candidates,
            key=lambda each: (each.leader is not None, len(each.members) + (10 if each.children else 0)),
        )

    def snapshot(self) -> Snapshot:
        """What is on file now."""
        return Snapshot(
            moment=self.now,
            epoch=self.epoch,
            contact_period=timedelta(minutes=self.size),
            people=tuple((career.person, career.left) for career in self.careers),
            histories=tuple(assignment.rows for assignment in self.assignments),
            departments=tuple(department.rows for department in self.organisation.departments),
            trees=tuple(self.organisation.trees),
            relations=relation_rows(self),
        )
