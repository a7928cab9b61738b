"""Twice a year departments open, close, move and get new names, and a new tree comes in force."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from serai_ehr.demo.dice import Dice
from serai_ehr.demo.events import move
from serai_ehr.demo.staff import most_senior, realign
from serai_ehr.demo.succession import assign_hrbps

if TYPE_CHECKING:
    from serai_ehr.demo.company import Company

_PEOPLE_PER_DEPARTMENT = 13
_SMALLEST = 7
_RENAMED_AFTER = timedelta(days=20)


def departments_for(people: int) -> int:
    """How many departments a company of that size has: on five levels, and more than human resources."""
    return max(_SMALLEST, people // _PEOPLE_PER_DEPARTMENT)


def is_due(day: date) -> bool:
    """On the first of April and of October."""
    return day.day == 1 and day.month in (4, 10)


def reorganise(company: Company, day: date, moment: datetime, dice: Dice) -> None:
    """Rearrange about one department in a hundred of each sort, grow with the company, and draw the new tree."""
    organisation = company.organisation
    share = max(1, len(organisation.opened) // 100)
    for _ in range(share):
        _close_one(company, day, moment)
        _move_one(company, day, moment, dice)
        organisation.rename(dice.pick(organisation.opened[1:]), dice, day + _RENAMED_AFTER, moment)
    for _ in range(departments_for(len(company.staff)) - len(organisation.opened)):
        _open_one(company, day, moment, dice)
    assign_hrbps(company, moment)
    organisation.draw_tree(day)


def _open_one(company: Company, day: date, moment: datetime, dice: Dice) -> None:
    department = company.organisation.extend(dice, day, moment)
    parent = department.parent
    assert parent
    for origin in (parent, *parent.children):
        founder = most_senior(origin, day)
        if founder and origin is not department:
            move(company, founder, department, day, moment)
            return


def _close_one(company: Company, day: date, moment: datetime) -> None:
    """Close the smallest department of the lowest level and move its people to the one above."""
    organisation = company.organisation
    lowest = organisation.levels[5]
    if len(lowest) < 2:
        return
    department = min(lowest, key=lambda each: len(each.members))
    assert department.parent
    department.leader = None
    for assignment in list(department.members):
        move(company, assignment, department.parent, day, moment)
    organisation.close(department, day, moment)


def _move_one(company: Company, day: date, moment: datetime, dice: Dice) -> None:
    """Hang a department of level 4 or 5 below another parent, in human resources or outside as it was."""
    organisation = company.organisation
    department = dice.pick(organisation.levels[dice.between(4, 5)])
    parents = [
        each
        for each in organisation.levels[department.level - 1]
        if each.division is department.division and each is not department.parent
    ]
    if parents:
        organisation.move(department, dice.pick(parents))
        realign(department, day, moment)
