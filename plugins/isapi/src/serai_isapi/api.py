"""The JSON API, under /isapi/api/v1."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Annotated, Any, Literal, TypeVar

from msgspec import Meta, Struct

from serai import Api, Call, Encoded, Page, PageQuery
from serai_isapi.approval import apply_now
from serai_isapi.decisions import Decider
from serai_isapi.departments import Departments
from serai_isapi.directory import Directory, Filter
from serai_isapi.fields import FieldName, Shown, shown
from serai_isapi.hidden import PERMISSION, HiddenPeople
from serai_isapi.journal import Journal, SyncRunNotFound, SyncRunNotHeld
from serai_isapi.people import People
from serai_isapi.problems import AsOfOutOfRange, DepartmentNotFound, EmployeeNotFound, NoDataYet
from serai_isapi.published import Edition
from serai_isapi.quarantine import Quarantine, QuarantineEntryNotFound, QuarantineEntryResolved
from serai_isapi.shapes import (
    Department,
    DepartmentPath,
    DepartmentTree,
    Employee,
    FoundEmployees,
    HiddenPerson,
    HistoryEntry,
    QuarantinedRow,
    QuarantineEntry,
    QuarantineState,
    Reason,
    Responsible,
    Status,
    SyncRun,
)
from serai_isapi.sight import seen
from serai_isapi.snapshot import ReadyPeople
from serai_isapi.state import DataState
from serai_isapi.topics import DEPARTMENT, EMPLOYEE

T = TypeVar("T")

api = Api(version=1)

Fields = Annotated[list[FieldName], Meta(min_length=1, max_length=50, description="Only these fields; emplid always")]
AsOf = Annotated[date, Meta(description="The day to look at, by default today; relations are today's")]
Include = Annotated[list[Literal["leavers", "future"]], Meta(max_length=2, description="Besides those who work here")]
Key = Annotated[str, Meta(min_length=1, max_length=40)]

PEOPLE = (EmployeeNotFound, AsOfOutOfRange, NoDataYet)
UNDECIDABLE = (QuarantineEntryNotFound, QuarantineEntryResolved)
DEPARTMENTS = (DepartmentNotFound, AsOfOutOfRange, NoDataYet)


class OnDay(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """On which day."""

    as_of: AsOf | None = None


class FieldsOnDay(OnDay, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which fields, on which day."""

    fields: Fields | None = None


class FieldsOnly(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which fields."""

    fields: Fields | None = None


class PeopleQuery(PageQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every list of people takes."""

    recursive: Annotated[bool, Meta(description="Also those further below")] = False
    status: Annotated[Status, Meta(description="Only this status, whatever `include` says")] | None = None
    include: Include | None = None
    fields: Fields | None = None
    as_of: AsOf | None = None

    @property
    def statuses(self) -> tuple[Status, ...]:
        """The statuses that are asked for."""
        if self.status is not None:
            return (self.status,)
        asked = self.include or ()
        wanted: list[Status] = ["active"]
        if "leavers" in asked:
            wanted.append("leaver")
        if "future" in asked:
            wanted.append("future")
        return tuple(wanted)


class EmployeeQuery(PeopleQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which employees to list."""

    q: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=40,
                description="Beginnings of a Chinese name, its pinyin or initials, a western name, an account, a mail",
                examples=["张伟", "zhangwei", "zw"],
            ),
        ]
        | None
    ) = None
    dept: Key | None = None
    location: Key | None = None
    manager: Key | None = None


class DepartmentQuery(PageQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which departments to list."""

    q: (
        Annotated[str, Meta(min_length=1, max_length=40, description="Part of the name, or how deptid begins")] | None
    ) = None
    parent: Key | None = None
    include: Annotated[list[Literal["inactive"]], Meta(max_length=1)] | None = None
    as_of: AsOf | None = None


class TreeQuery(OnDay, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which part of the tree."""

    root: Key | None = None


class QuarantineQuery(PageQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which quarantined rows."""

    state: QuarantineState = "open"
    view: Annotated[Key, Meta(examples=["V_IS_JOB"])] | None = None
    rule: Annotated[Key, Meta(examples=["unknown_department"])] | None = None
    key: Annotated[Key, Meta(description="The value of a column of the key, as the emplid")] | None = None


class BatchGet(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which people, by emplid."""

    emplids: Annotated[list[Key], Meta(min_length=1, max_length=500)]
    fields: Fields | None = None
    as_of: AsOf | None = None


class Hide(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom to hide, and why."""

    emplid: Key
    reason: Annotated[str, Meta(min_length=1, max_length=500, examples=["Board member"])]


class Show(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom to hide no longer."""

    emplid: Key


@api.get("/employees", permission="isapi:read", raises=[AsOfOutOfRange, NoDataYet])
async def list_employees(call: Call, query: EmployeeQuery) -> Page[Employee] | Encoded[Page[Employee]]:
    """Employees that match every filter, in emplid order; by default those who work here."""
    wanted = Filter(
        q=query.q, dept=query.dept, recursive=query.recursive, statuses=query.statuses, location=query.location,
        manager=query.manager,
    )  # fmt: skip
    return _people_page(call, query, await _found(call, query, wanted))


@api.get("/employees/by-account/{rtx_id}", permission="isapi:read", raises=PEOPLE)
async def get_employee_by_account(call: Call, rtx_id: str, query: FieldsOnDay) -> Employee | Encoded[Employee]:
    """The employee with that chat account."""
    edition, fields = _look(call, query.as_of), _shown(call, query.fields)
    return await call.get(People).by_account(rtx_id, shown=fields, edition=edition)


@api.post("/employees:batch-get", permission="isapi:read", raises=[AsOfOutOfRange, NoDataYet])
async def batch_get_employees(call: Call, body: BatchGet) -> FoundEmployees | Encoded[FoundEmployees]:
    """Up to 500 employees by emplid, whatever their status, and the ids that nobody has."""
    edition, fields = _look(call, body.as_of), _shown(call, body.fields)
    return await call.get(People).batch(body.emplids, shown=fields, edition=edition)


@api.get("/employees/{emplid}", permission="isapi:read", raises=PEOPLE)
async def get_employee(call: Call, emplid: str, query: FieldsOnDay) -> Employee | Encoded[Employee]:
    """One employee, whatever their status."""
    edition, fields = _look(call, query.as_of), _shown(call, query.fields)
    return await call.get(People).one(emplid, shown=fields, edition=edition)


@api.get("/employees/{emplid}/manager-chain", permission="isapi:read", raises=PEOPLE)
async def get_manager_chain(call: Call, emplid: str, query: FieldsOnDay) -> Page[Employee] | Encoded[Page[Employee]]:
    """The employee's manager, that one's manager and so on up; always one page."""
    edition, fields = _look(call, query.as_of), _shown(call, query.fields)
    people = await call.get(People).manager_chain(emplid, shown=fields, edition=edition)
    return people.page(lambda _: None) if isinstance(people, ReadyPeople) else Page(items=people)


@api.get("/employees/{emplid}/reports", permission="isapi:read", raises=PEOPLE)
async def list_reports(call: Call, emplid: str, query: PeopleQuery) -> Page[Employee] | Encoded[Page[Employee]]:
    """Whose manager the employee is, in emplid order; with `recursive` also their reports."""
    direct, deep = (None, emplid) if query.recursive else (emplid, None)
    people = await _found(call, query, Filter(statuses=query.statuses, manager=direct, under=deep))
    if not people:
        edition, fields = _look(call, query.as_of), _shown(call, query.fields)
        await call.get(People).one(emplid, shown=fields, edition=edition)
    return _people_page(call, query, people)


@api.get("/employees/{emplid}/history", permission="isapi:read", raises=[EmployeeNotFound, NoDataYet])
async def get_history(call: Call, emplid: str) -> Page[HistoryEntry]:
    """All effective-dated rows of the employee's work, newest first; always one page."""
    return Page(items=await call.get(Directory).history(emplid, edition=_look(call)))


@api.get("/employees/{emplid}/department-path", permission="isapi:read", raises=PEOPLE)
async def get_department_path(call: Call, emplid: str, query: OnDay) -> DepartmentPath:
    """The departments from the root down to the employee's own."""
    edition = _look(call, query.as_of)
    return await call.get(Directory).department_path(emplid, edition=edition)


@api.get("/employees/{emplid}/hrbp", permission="isapi:read", raises=[EmployeeNotFound, NoDataYet])
async def get_hrbp(call: Call, emplid: str, query: FieldsOnly) -> Responsible:
    """The HR business partners: the employee's own, else the department's, else those of the nearest one above."""
    edition, fields = _look(call), _shown(call, query.fields)
    return await call.get(Directory).hrbp(emplid, shown=fields, edition=edition)


@api.get("/departments", permission="isapi:read", raises=[AsOfOutOfRange, NoDataYet])
async def list_departments(call: Call, query: DepartmentQuery) -> Page[Department]:
    """Departments that match every filter, in the order of setid and deptid; by default the active ones."""
    edition = _look(call, query.as_of)
    found = await call.get(Departments).search(
        q=query.q,
        parent=query.parent,
        inactive="inactive" in (query.include or ()),
        edition=edition,
        limit=query.limit + 1,
        after=call.position(query),
    )
    return _page(call, query, found, lambda department: [department.setid, department.deptid])


@api.get("/departments/tree", permission="isapi:read", raises=DEPARTMENTS)
async def get_department_tree(call: Call, query: TreeQuery) -> DepartmentTree:
    """The active departments as a tree, or the part of it from `root` down."""
    edition = _look(call, query.as_of)
    return await call.get(Departments).tree(root=query.root, edition=edition)


@api.get("/departments/{deptid}", permission="isapi:read", raises=DEPARTMENTS)
async def get_department(call: Call, deptid: str, query: OnDay) -> Department:
    """One department, closed or not."""
    edition = _look(call, query.as_of)
    return await call.get(Departments).one(deptid, edition=edition)


@api.get("/departments/{deptid}/members", permission="isapi:read", raises=DEPARTMENTS)
async def list_members(call: Call, deptid: str, query: PeopleQuery) -> Page[Employee] | Encoded[Page[Employee]]:
    """Who works in the department, in emplid order; with `recursive` also in those below it."""
    people = await _found(call, query, Filter(dept=deptid, recursive=query.recursive, statuses=query.statuses))
    if not people:
        edition = _look(call, query.as_of)
        await call.get(Departments).one(deptid, edition=edition)
    return _people_page(call, query, people)


api.feed("/changes", topics=[EMPLOYEE, DEPARTMENT], permission="isapi:read", snapshot="/employees", sight=seen)


@api.get("/sync-runs", permission="isapi:read")
async def list_sync_runs(call: Call, query: PageQuery) -> Page[SyncRun]:
    """Synchronisations with the HR system, the newest first."""
    _tell_age(call)
    position = call.position(query)
    found = await call.get(Journal).runs(limit=query.limit + 1, before=position[0] if position else None)
    return _page(call, query, found, lambda run: [int(run.id)])


@api.get("/sync-runs/{run_id}", permission="isapi:read", raises=[SyncRunNotFound])
async def get_sync_run(call: Call, run_id: str) -> SyncRun:
    """One synchronisation."""
    _tell_age(call)
    return await call.get(Journal).run(run_id)


@api.get("/sync-runs/{run_id}/quarantine", permission="isapi:sync", raises=[SyncRunNotFound])
async def list_quarantined_rows(call: Call, run_id: str, query: PageQuery) -> Page[QuarantinedRow]:
    """The rows that the synchronisation put aside, by their keys, and the rules that they broke."""
    _tell_age(call)
    position = call.position(query)
    found = await call.get(Journal).quarantined(
        run_id,
        limit=query.limit + 1,
        after=position[0] if position else 0,
        hidden=call.get(HiddenPeople).of(call.who),
    )
    page = _page(call, query, found, lambda row: [row[0]])
    return Page(items=[row for _, row in page.items], next_cursor=page.next_cursor)


@api.post("/sync-runs/{run_id}/approve", permission="isapi:approve", raises=[SyncRunNotFound, SyncRunNotHeld])
async def approve_sync_run(call: Call, run_id: str, body: Reason) -> SyncRun:
    """Have exactly what the held run read applied, whatever made it suspicious; its state then says how far it is."""
    run = await call.get(Journal).decide(run_id, "approved", _decider(call, body))
    call.ctx.spawn(apply_now(call.ctx), name="apply an approved synchronisation")
    return run


@api.post("/sync-runs/{run_id}/reject", permission="isapi:approve", raises=[SyncRunNotFound, SyncRunNotHeld])
async def reject_sync_run(call: Call, run_id: str, body: Reason) -> SyncRun:
    """Say that what the held run read is wrong: nobody can approve it any more; the next run reads anew."""
    return await call.get(Journal).decide(run_id, "rejected", _decider(call, body))


@api.get("/quarantine", permission="isapi:sync")
async def list_quarantine(call: Call, query: QuarantineQuery) -> Page[QuarantineEntry]:
    """What broke a rule, over all runs, the oldest first; by default what is open."""
    _tell_age(call)
    position = call.position(query)
    found = await call.get(Quarantine).entries(
        state=query.state, view=query.view, rule=query.rule, key=query.key, limit=query.limit + 1,
        after=position[0] if position else 0, hidden=call.get(HiddenPeople).of(call.who),
    )  # fmt: skip
    return _page(call, query, found, lambda entry: [int(entry.id)])


@api.post("/quarantine/{entry_id}/ignore", permission="isapi:approve", raises=UNDECIDABLE)
async def ignore_quarantined(call: Call, entry_id: str, body: Reason) -> QuarantineEntry:
    """Leave it out of the share of bad rows that holds a run; the row itself stays aside."""
    return await call.get(Quarantine).ignore(entry_id, _decider(call, body), hidden=call.get(HiddenPeople).of(call.who))


@api.post("/quarantine/{entry_id}/reopen", permission="isapi:approve", raises=UNDECIDABLE)
async def reopen_quarantined(call: Call, entry_id: str, body: Reason) -> QuarantineEntry:
    """Count it again."""
    return await call.get(Quarantine).reopen(entry_id, _decider(call, body), hidden=call.get(HiddenPeople).of(call.who))


def _decider(call: Call, body: Reason) -> Decider:
    return Decider(call.who.name, call.who.person, body.reason, call.ctx.now())


@api.get("/hidden-people", permission=PERMISSION)
async def list_hidden_people(call: Call, query: PageQuery) -> Page[HiddenPerson]:
    """Who is hidden from callers without the permission `isapi:hidden`, in emplid order."""
    position = call.position(query)
    found = await call.get(HiddenPeople).listed(limit=query.limit + 1, after=position[0] if position else "")
    return _page(call, query, found, lambda person: [person.emplid])


@api.post("/hidden-people", permission=PERMISSION, status=201, raises=[EmployeeNotFound])
async def hide_person(call: Call, body: Hide) -> HiddenPerson:
    """Hide an employee, with a reason; it replaces the reason of one who is hidden already."""
    return await call.get(HiddenPeople).hide(body.emplid, reason=body.reason, by=call.who.name)


@api.post("/hidden-people:remove", permission=PERMISSION, raises=[EmployeeNotFound])
async def show_person(call: Call, body: Show) -> None:
    """Hide an employee no longer."""
    await call.get(HiddenPeople).show(body.emplid)


def _look(call: Call, as_of: date | None = None) -> Edition:
    """What to read from; the answer's header says how fresh it is."""
    state = call.get(DataState)
    edition = state.edition(as_of, call.ctx.now())
    _tell_age(call)
    return edition.hiding(call.get(HiddenPeople).of(call.who))


def _tell_age(call: Call) -> None:
    """Say of when the data is, once there is any."""
    age = call.get(DataState).age_header
    if age is not None:
        call.headers["X-Data-As-Of"] = age


def _shown(call: Call, asked: Sequence[FieldName] | None) -> Shown:
    """Which fields of employees to read; the header names those that the caller may see of nobody.

    What the caller may see of some people only, the kernel takes out of the answer.
    """
    fields = shown(asked, call.ctx.fields.of(call.who).widest(Employee))
    if fields.denied:
        call.headers["X-Fields-Denied"] = ", ".join(fields.denied)
    return fields


async def _found(call: Call, query: PeopleQuery, wanted: Filter) -> list[Employee] | ReadyPeople:
    """Those of the page that is asked for, and one more where another page follows."""
    edition, fields = _look(call, query.as_of), _shown(call, query.fields)
    position = call.position(query)
    return await call.get(People).search(
        wanted, shown=fields, edition=edition, limit=query.limit, after=position[0] if position else None
    )


def _people_page(
    call: Call, query: PeopleQuery, found: list[Employee] | ReadyPeople
) -> Page[Employee] | Encoded[Page[Employee]]:
    if isinstance(found, ReadyPeople):
        return found.page(lambda emplid: call.cursor(query, [emplid]))
    return _page(call, query, found, lambda person: [person.emplid])


def _page(call: Call, query: PageQuery, found: list[T], position: Callable[[T], list[Any]]) -> Page[T]:
    """A page of the first `query.limit` of what was `found`; one more than that says that another page follows."""
    items = found[: query.limit]
    last = position(items[-1]) if len(found) > len(items) else None
    return Page(items=items, next_cursor=call.cursor(query, last))
