"""Shapes on the wire of people and departments."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from serai import Personal, Subject

Status = Literal["active", "leaver", "future"]
EmploymentType = Literal["employee", "contingent", "person_of_interest"]


class DepartmentRef(Struct, frozen=True, kw_only=True):
    """The department that somebody works in."""

    deptid: str
    name: str | None
    path: Annotated[str | None, Meta(description="Names from the root down, `/` between them")]


class LocationRef(Struct, frozen=True, kw_only=True):
    """A place of work."""

    code: str
    name: str | None


class Employee(Struct, frozen=True, kw_only=True):
    """A person of the company.

    Only `emplid` is always there: fields that were not asked for, or that the caller may not see of this person, are
    left out; one that has no value is null.
    """

    emplid: Annotated[str, Subject(), Meta(description="Personnel number: a text, with leading zeros")]
    name: str | UnsetType | None = UNSET
    name_en: str | UnsetType | None = UNSET
    pinyin: Annotated[str | UnsetType | None, Meta(description="Without tones, a blank between syllables")] = UNSET
    rtx_id: Annotated[str | UnsetType | None, Meta(description="Chat account")] = UNSET
    ad_account: Annotated[str | UnsetType | None, Meta(description="Directory account, sAMAccountName")] = UNSET
    mail: str | UnsetType | None = UNSET
    work_phone: str | UnsetType | None = UNSET
    department: DepartmentRef | UnsetType | None = UNSET
    title: str | UnsetType | None = UNSET
    location: LocationRef | UnsetType | None = UNSET
    company: str | UnsetType | None = UNSET
    business_unit: str | UnsetType | None = UNSET
    manager_emplid: str | UnsetType | None = UNSET
    employment_type: EmploymentType | UnsetType = UNSET
    status: Status | UnsetType = UNSET
    mobile_phone: Annotated[str | UnsetType | None, Personal("isapi.mobile_phone")] = UNSET
    home_phone: Annotated[str | UnsetType | None, Personal("isapi.home_phone")] = UNSET
    private_mail: Annotated[str | UnsetType | None, Personal("isapi.private_mail")] = UNSET
    employment_status: Annotated[
        Literal["active", "on_leave", "suspended", "short_break", "retired", "deceased", "terminated"] | UnsetType,
        Personal("isapi.employment_status"),
    ] = UNSET
    grade: Annotated[str | UnsetType | None, Personal("isapi.grade")] = UNSET
    regular_or_temporary: Annotated[str | UnsetType | None, Personal("isapi.regular_or_temporary")] = UNSET
    full_or_part_time: Annotated[str | UnsetType | None, Personal("isapi.full_or_part_time")] = UNSET
    hire_date: Annotated[date | UnsetType | None, Personal("isapi.hire_date")] = UNSET
    last_hire_date: Annotated[date | UnsetType | None, Personal("isapi.last_hire_date")] = UNSET
    termination_date: Annotated[date | UnsetType | None, Personal("isapi.termination_date")] = UNSET
    expected_end_date: Annotated[date | UnsetType | None, Personal("isapi.expected_end_date")] = UNSET


class FoundEmployees(Struct, frozen=True, kw_only=True):
    """The people that were asked for, in the order of the first mention, and the ids that nobody has."""

    items: list[Employee]
    missing: list[str]


class Responsible(Struct, frozen=True, kw_only=True):
    """The HR business partners who look after a person, and whose they are: the person's own, or a department's."""

    scope: Literal["employee", "department"] | None
    deptid: str | None
    people: list[Employee]


class HistoryEntry(Struct, frozen=True, kw_only=True):
    """One effective-dated row of somebody's work; names as they were on that day. Future rows are there too."""

    emplid: Annotated[str, Subject()]
    effective_date: date
    sequence: Annotated[int, Meta(description="Order of several changes on one day")]
    assignment: Annotated[int, Meta(description="EMPL_RCD: several stand for concurrent jobs or rehires")]
    primary: bool
    action: Annotated[str | UnsetType | None, Personal("isapi.action")] = UNSET
    action_reason: Annotated[str | UnsetType | None, Personal("isapi.action")] = UNSET
    working: bool
    department: DepartmentRef | None
    title: str | None
    location: LocationRef | None
    company: str | None
    grade: Annotated[str | UnsetType | None, Personal("isapi.grade")] = UNSET
    supervisor_emplid: str | None


class Department(Struct, frozen=True, kw_only=True):
    """A department; `leaders` to `hrds` are the emplids of working people, the first one first."""

    deptid: str
    setid: str
    name: str
    short_name: str | None
    company: str | None
    location: str | None
    parent_deptid: str | None
    level: Annotated[int, Meta(description="1 for the root")]
    path: Annotated[list[str], Meta(description="deptids from the root down, this one last")]
    path_name: str
    manager_emplid: str | None
    active: bool
    leaders: list[str]
    vps: list[str]
    hrbps: list[str]
    hrds: list[str]


class DepartmentNode(Struct, frozen=True, kw_only=True):
    """A department and those below it, in the order of the tree."""

    deptid: str
    setid: str
    name: str
    level: int
    children: list[DepartmentNode]


class DepartmentTree(Struct, frozen=True, kw_only=True):
    """The departments of the company."""

    roots: list[DepartmentNode]


class DepartmentPath(Struct, frozen=True, kw_only=True):
    """Where somebody works, from the root down."""

    path: Annotated[str | None, Meta(description="Names, `/` between them")]
    departments: list[DepartmentRef]


class ViewCounts(Struct, frozen=True, kw_only=True):
    """What a run did with one view, in rows; a run that is held or failed adds, changes and removes none."""

    read: int
    quarantined: int
    added: int
    changed: int
    removed: int


class Decision(Struct, frozen=True, kw_only=True):
    """What a person decided about something that waited for it."""

    by: Annotated[str, Meta(description="The client whose key it was")]
    person: Annotated[str | None, Meta(description="emplid of the colleague whose key it is; null for a system's")]
    at: datetime
    reason: str


class SyncRun(Struct, frozen=True, kw_only=True):
    """One synchronisation."""

    id: str
    kind: Annotated[Literal["full", "increment"], Meta(description="Whether all was read, or what changed")]
    state: Annotated[
        Literal[
            "queued", "extracting", "validating", "applying", "held", "approved", "rejected", "superseded", "done",
            "failed",
        ],
        Meta(description="A held run waits for a decision until a later one has ended: then it is superseded"),
    ]  # fmt: skip
    started: datetime
    finished: datetime | None
    data_as_of: Annotated[datetime | None, Meta(description="The source's clock when the reading began")]
    reason: Annotated[str | None, Meta(description="Why it was held or failed")]
    decision: Annotated[Decision | None, Meta(description="Who approved or rejected it")]
    counts: Annotated[dict[str, ViewCounts], Meta(description="By view")]


class QuarantinedRow(Struct, frozen=True, kw_only=True):
    """What broke a rule in one run, by its key."""

    view: str
    rule: str
    key: dict[str, str | int | None]


QuarantineState = Literal["open", "ignored", "resolved"]


class QuarantineEntry(Struct, frozen=True, kw_only=True):
    """The rows of a view that break one rule and have one key."""

    id: str
    view: str
    rule: str
    key: Annotated[dict[str, str | int | None], Meta(description="null for what is missing or unparsable")]
    rows: Annotated[int, Meta(description="How many rows the last run found")]
    state: Annotated[QuarantineState, Meta(description="resolved: a later run found them clean, or gone")]
    meaning: Annotated[str, Meta(description="What the rule says")]
    remedy: Annotated[str, Meta(description="What to do in the HR system")]
    first_seen: datetime
    last_seen: datetime
    times: Annotated[int, Meta(description="Runs that found them bad")]
    decision: Annotated[Decision | None, Meta(description="Who ignored or reopened it last")]


class Reason(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why somebody decides so; kept and shown."""

    reason: Annotated[str, Meta(min_length=1, max_length=1000)]


class HiddenPerson(Struct, frozen=True, kw_only=True):
    """Somebody who exists only for callers with the permission `isapi:hidden`."""

    emplid: str
    reason: str
    since: datetime
    by: Annotated[str, Meta(description="The name of the client that asked for it last")]
