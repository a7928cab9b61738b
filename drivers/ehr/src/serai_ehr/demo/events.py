"""What happens in the company, one function an event; each one writes the rows that HR would have typed."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from serai_ehr.demo import catalogue, jobs
from serai_ehr.demo.catalogue import Place
from serai_ehr.demo.dice import Dice
from serai_ehr.demo.jobs import JobRow
from serai_ehr.demo.organisation import SETID, Department
from serai_ehr.demo.people import BLANK, recruit
from serai_ehr.demo.staff import Assignment, Career, superior, superior_in
from serai_ehr.demo.succession import appoint, give_up

if TYPE_CHECKING:
    from serai_ehr.demo.company import Company

_DAY = timedelta(days=1)
_REHIRE_AFTER = timedelta(days=90)
_REHIRE_SHARE = 0.06
_CONTINGENT_SHARE = 0.05
_RETIREMENT_AGE = 60 * 365.25 * _DAY


def hire(company: Company, day: date, moment: datetime, dice: Dice) -> None:
    """Somebody joins, today or in the weeks to come; sometimes one who had left."""
    start = day + dice.pick((0, 1, 3, 7, 14, 28, 45)) * _DAY
    department = company.vacancy(dice)
    returning = company.alumnus(dice) if dice.chance(_REHIRE_SHARE) else None
    if returning and returning.left and moment - returning.left > _REHIRE_AFTER:
        assignment = _rehire(company, returning, department, start, moment, dice)
    else:
        assignment = engage(company, department, start, moment, dice)
    company.staff.append(assignment)
    company.at(start, lambda today, now: arrive(assignment, today, now))
    if start == day:
        arrive(assignment, day, moment)


def engage(company: Company, department: Department, start: date, moment: datetime, dice: Dice) -> Assignment:
    """A new person with a first employment record in the department."""
    person = recruit(company.seed, len(company.careers), start, moment, company.account_of)
    career = Career(person)
    company.careers.append(career)
    abroad = person.name.country != "CHN" or dice.chance(0.03)
    place = dice.pick(catalogue.FOREIGN_PLACES) if abroad else dice.lower(catalogue.HOME_PLACES)
    contingent = bool(company.staff.members) and dice.chance(_CONTINGENT_SHARE)
    level = min(dice.between(1, 4), dice.between(1, 5))
    row = JobRow(
        emplid=person.emplid,
        empl_rcd=0,
        effdt=start,
        effseq=0,
        per_org="CWR" if contingent else "EMP",
        hr_status="A",
        empl_status="A",
        action="ADD" if contingent else "HIR",
        action_reason=BLANK,
        job_indicator="P",
        setid_dept=SETID,
        deptid=department.deptid,
        setid_jobcode=place.setid,
        jobcode=catalogue.professional_code(department.family, level),
        setid_location=place.setid,
        location=place.code,
        position_nbr=f"{person.index + 10_000_000:08d}" if person.index % 2 else BLANK,
        supervisor_id=superior_in(department, career),
        company=place.company,
        business_unit=place.business_unit,
        grade=BLANK if contingent else _grade(level),
        reg_temp="T" if contingent else "R",
        full_part_time="P" if dice.chance(0.02) else "F",
        hire_dt=start,
        last_hire_dt=start,
        termination_dt=None,
        last_date_worked=None,
        expected_end_date=start + dice.between(180, 720) * _DAY if contingent else None,
        lastupddttm=moment,
    )
    return company.assign(Assignment(career, department, row))


def _grade(level: int) -> str:
    return f"{2 * level:02d}"


def _rehire(
    company: Company, career: Career, department: Department, start: date, moment: datetime, dice: Dice
) -> Assignment:
    """Come back on the old employment record, or on a new one while the old stays as it ended."""
    company.alumni.remove(career)
    career.left = None
    old = company.main_record(career)
    fresh = {
        "hr_status": "A",
        "empl_status": "A",
        "deptid": department.deptid,
        "supervisor_id": superior_in(department, career),
        "last_hire_dt": start,
        "termination_dt": None,
        "last_date_worked": None,
        "expected_end_date": None,
    }
    rows = jobs.follow(old.rows, start, moment, "REH", **fresh)
    if dice.chance(0.5):
        old.rows = rows
        old.department, old.settled = department, start
        department.members[old] = None
        return old
    first = rows[-1]._replace(empl_rcd=len(career.records), effseq=0)
    return company.assign(Assignment(career, department, first))


def arrive(assignment: Assignment, today: date, now: datetime) -> None:
    """On the first day: lead the department if nobody does."""
    department = assignment.department
    if department.leader is None and assignment.rows[-1].per_org == "EMP" and not assignment.career.second:
        appoint(department, assignment, today, now)


def leave(company: Company, day: date, moment: datetime, dice: Dice) -> None:
    """Somebody gives notice, rather one who may retire: the row is there up to a month before it comes in force."""
    candidates = [each for each in (company.somebody(dice, day) for _ in range(3)) if each and each.department.parent]
    if not candidates:
        return
    assignment = min(candidates, key=lambda each: not _may_retire(each, day))
    end = day + dice.between(1, 30) * _DAY
    old = _may_retire(assignment, day)
    action, status = ("RET", "R") if old else ("TER", "D" if dice.chance(0.01) else "T")
    leaving = [assignment, *([assignment.career.second] if assignment.career.second else [])]
    for each in leaving:
        each.rows = jobs.follow(
            each.rows,
            end,
            moment,
            action,
            hr_status="I",
            empl_status=status,
            termination_dt=end - _DAY,
            last_date_worked=end - _DAY,
        )
        each.settled = end
    company.at(end, lambda today, now: _depart(company, assignment, today, now))


def _may_retire(assignment: Assignment, day: date) -> bool:
    return day - assignment.career.person.born > _RETIREMENT_AGE


def _depart(company: Company, assignment: Assignment, today: date, now: datetime) -> None:
    career = assignment.career
    company.staff.remove(assignment)
    give_up(company, assignment, today, now)
    if career.second:
        del career.second.department.members[career.second]
        career.second = None
    career.left = now
    if assignment.rows[-1].empl_status == "T":
        company.alumni.append(career)


def transfer(company: Company, day: date, moment: datetime, dice: Dice) -> None:
    """Somebody changes department, at once or on the first of the next month; sometimes with a promotion that day."""
    assignment = company.somebody(dice, day)
    target = company.vacancy(dice)
    if assignment is None or assignment.leads or target is assignment.department:
        return
    if dice.chance(0.8):
        move(company, assignment, target, day, moment)
        if dice.chance(0.2):
            _promote(assignment, day, moment)
        return
    start = (day.replace(day=1) + 32 * _DAY).replace(day=1)
    assignment.rows = jobs.follow(
        assignment.rows,
        start,
        moment,
        "XFR",
        deptid=target.deptid,
        supervisor_id=superior_in(target, assignment.career),
    )
    assignment.settled = start
    company.at(start, lambda today, now: _settle(company, assignment, target, now, today))


def _settle(company: Company, assignment: Assignment, target: Department, now: datetime, today: date) -> None:
    """Carry out a transfer that was on file: to the department above if the target was closed meanwhile."""
    while not target.open and target.parent:
        target = target.parent
    give_up(company, assignment, today, now)
    assignment.department = target
    target.members[assignment] = None
    planned = assignment.rows[-1]
    due = planned._replace(deptid=target.deptid, supervisor_id=superior(assignment))
    if due != planned:
        assignment.rows = (*assignment.rows[:-1], due._replace(lastupddttm=now))
    arrive(assignment, today, now)


def move(company: Company, assignment: Assignment, target: Department, day: date, moment: datetime) -> None:
    """Move somebody to another department from that day on."""
    give_up(company, assignment, day, moment)
    assignment.department = target
    target.members[assignment] = None
    assignment.rows = jobs.follow(
        assignment.rows, day, moment, "XFR", deptid=target.deptid, supervisor_id=superior(assignment)
    )
    if assignment.free(day) and assignment.rows[-1].job_indicator == "P":
        arrive(assignment, day, moment)


def promote(company: Company, day: date, moment: datetime, dice: Dice) -> None:
    """Somebody climbs one step of the professional ladder."""
    assignment = company.somebody(dice, day)
    if assignment:
        _promote(assignment, day, moment)


def _promote(assignment: Assignment, day: date, moment: datetime) -> None:
    family, level = assignment.rows[-1].jobcode[0], int(assignment.rows[-1].jobcode[1:])
    if family in catalogue.FAMILIES and level < catalogue.TOP_LEVEL and assignment.rows[-1].per_org == "EMP":
        code = catalogue.professional_code(family, level + 1)
        assignment.rows = jobs.follow(assignment.rows, day, moment, "PRO", jobcode=code, grade=_grade(level + 1))


def relocate(company: Company, day: date, moment: datetime, dice: Dice) -> None:
    """Somebody goes to work elsewhere in the country."""
    assignment = company.somebody(dice, day)
    place: Place = dice.pick(catalogue.HOME_PLACES)
    if assignment and assignment.rows[-1].setid_location == place.setid:
        assignment.rows = jobs.follow(
            assignment.rows,
            day,
            moment,
            "DTA",
            action_reason="LOC",
            location=place.code,
            company=place.company,
            business_unit=place.business_unit,
        )


def take_leave(company: Company, day: date, moment: datetime, dice: Dice) -> None:
    """Somebody goes on leave, paid or not; the return is on file from the start."""
    assignment = company.somebody(dice, day)
    if assignment is None or assignment.leads:
        return
    back = day + dice.between(30, 180) * _DAY
    paid = dice.chance(0.6)
    action, status = ("PLA", "P") if paid else ("LOA", "L")
    away = jobs.follow(assignment.rows, day, moment, action, empl_status=status)
    assignment.rows = jobs.follow(away, back, moment, "RFL", empl_status="A")
    assignment.settled = back


def add_second_job(company: Company, day: date, moment: datetime, dice: Dice) -> None:
    """Somebody takes a concurrent job in another department for a while."""
    assignment, target = company.somebody(dice, day), company.vacancy(dice)
    if assignment is None or assignment.leads or assignment.career.second or target is assignment.department:
        return
    career = assignment.career
    first = assignment.rows[-1]._replace(
        empl_rcd=len(career.records),
        effdt=day,
        effseq=0,
        action="ADL",
        action_reason=BLANK,
        job_indicator="S",
        deptid=target.deptid,
        supervisor_id=superior_in(target, career),
        full_part_time="P",
        hire_dt=day,
        last_hire_dt=day,
        lastupddttm=moment,
    )
    second = career.second = company.assign(Assignment(career, target, first))
    company.at(day + dice.between(100, 400) * _DAY, lambda today, now: _end_second_job(second, today, now))


def _end_second_job(second: Assignment, today: date, now: datetime) -> None:
    """End a concurrent job, unless it is over or about to be because the person leaves."""
    if second.career.second is not second or second.rows[-1].hr_status == "I":
        return
    del second.department.members[second]
    second.career.second = None
    second.rows = jobs.follow(
        second.rows,
        today,
        now,
        "TER",
        hr_status="I",
        empl_status="T",
        termination_dt=today - _DAY,
        last_date_worked=today - _DAY,
    )


def correct(company: Company, day: date, moment: datetime, dice: Dice) -> None:
    """Correct history: a promotion was a mistake and is deleted, or an old row is rewritten in place."""
    assignment = company.somebody(dice, day)
    if assignment is None or len(assignment.rows) < 3:
        return
    rows = assignment.rows
    if rows[-1].action == "PRO" and not assignment.leads:
        kept = rows[-2]._replace(supervisor_id=rows[-1].supervisor_id, lastupddttm=moment)
        assignment.rows = (*rows[:-2], kept)
    else:
        at = dice.below(len(rows) - 1)
        rewritten = rows[at]._replace(action_reason="COR", position_nbr=BLANK, lastupddttm=moment)
        assignment.rows = (*rows[:at], rewritten, *rows[at + 1 :])
