"""Who takes over when a leader or an HRBP goes."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

from serai_ehr.demo import catalogue, jobs
from serai_ehr.demo.dice import Dice
from serai_ehr.demo.organisation import Department
from serai_ehr.demo.people import BLANK
from serai_ehr.demo.staff import Assignment, most_senior, realign, superior

if TYPE_CHECKING:
    from serai_ehr.demo.company import Company


def appoint(department: Department, assignment: Assignment, day: date, moment: datetime) -> None:
    """Let a member lead the department."""
    department.leader = assignment
    department.led_since = moment
    department.record(day, moment, manager_id=assignment.emplid)
    assignment.rows = jobs.follow(
        assignment.rows,
        day,
        moment,
        "PRO",
        jobcode=catalogue.leader_code(department.level),
        grade=f"{22 - 2 * department.level:02d}",
        supervisor_id=superior(assignment),
    )
    realign(department, day, moment)


def give_up(company: Company, assignment: Assignment, day: date, moment: datetime) -> None:
    """Take somebody out of the department, and hand on what the person did there."""
    department = assignment.department
    led = assignment.leads
    del department.members[assignment]
    if led:
        department.leader = None
        successor = most_senior(department, day)
        if successor:
            appoint(department, successor, day, moment)
        else:
            department.record(day, moment, manager_id=BLANK)
            realign(department, day, moment)
    if department.in_hr:
        for served in served_departments(company):
            if served.hrbp is assignment:
                served.hrbp = None
        for career in company.with_own_hrbp:
            if career.hrbp is assignment:
                career.hrbp = None
        assign_hrbps(company, moment)


def served_departments(company: Company) -> list[Department]:
    """The departments that have an HRBP of their own: those of level 2 and 3."""
    return company.organisation.levels[2] + company.organisation.levels[3]


def assign_hrbps(company: Company, moment: datetime) -> None:
    """Give an HRBP to every department of level 2 and 3, and to every person with one of their own, that lacks one."""
    for department in served_departments(company):
        if department.hrbp is None:
            department.hrbp = _hrbp_for(company, department.deptid, moment)
            department.looked_after_since = moment
    for career in company.with_own_hrbp:
        if career.hrbp is None and career.left is None:
            career.hrbp = _hrbp_for(company, career.person.emplid, moment)
            career.looked_after_since = moment


def _hrbp_for(company: Company, whom: str, moment: datetime) -> Assignment | None:
    """Somebody of human resources; None while nobody there is at work."""
    hr = next(each for each in company.organisation.root.children if each.in_hr)
    dice = Dice(company.seed, "hrbp", whom, moment)
    for branch in dice.shuffled([*hr.branch()]):
        staff = [member for member in branch.members if member.free(moment.date())]
        if staff:
            return dice.pick(staff)
    return None
