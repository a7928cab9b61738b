"""The handlers: what callers may see, what the headers say, how pages follow each other."""

from __future__ import annotations

from datetime import date
from typing import get_args

import msgspec
import pytest

from serai_isapi import api, plugin
from serai_isapi.fields import PERMISSION_OF, FieldName
from serai_isapi.journal import SyncRunNotFound
from serai_isapi.problems import DepartmentNotFound, EmployeeNotFound
from serai_isapi.shapes import Employee


class PlainCall:
    """A `Call` whose cursors are not signed."""

    def __init__(self, house, *scopes: str) -> None:
        self.ctx = house
        self.headers: dict[str, str] = {}
        self.who = self
        self.name = "hr-tools"
        self.person = "0001"
        self.scopes = {"isapi:read", *scopes}

    def may(self, permission: str) -> bool:
        return permission in self.scopes

    def get(self, key):
        return self.ctx.get(key)

    def position(self, query):
        return msgspec.json.decode(query.cursor) if query.cursor else None

    def cursor(self, query, position):
        return msgspec.json.encode(position).decode() if position else None


def test_every_field_of_an_employee_can_be_asked_for():
    assert get_args(FieldName) == Employee.__struct_fields__


def test_every_permission_is_declared():
    declared = plugin.plugin_info().permissions.keys()
    asked = {route.permission for route in api.api.routes} | set(PERMISSION_OF.values())
    assert asked | {"isapi:write"} == declared  # SCIM asks for that one itself


async def test_personal_fields_need_their_scopes_and_the_answer_names_what_was_denied(house):
    await house.sync()
    call = PlainCall(house)
    plain = msgspec.to_builtins(await api.get_employee(call, "0003", api.FieldsOnDay()))
    assert plain.keys() == set(Employee.__struct_fields__) - PERMISSION_OF.keys()
    assert call.headers["X-Fields-Denied"] == ", ".join(sorted(PERMISSION_OF))

    asked = api.FieldsOnDay(fields=["name", "grade", "mobile_phone", "home_phone"])
    assert msgspec.to_builtins(await api.get_employee(call, "0003", asked)) == {"emplid": "0003", "name": "王芳"}
    assert call.headers["X-Fields-Denied"] == "grade, home_phone, mobile_phone"

    call = PlainCall(house, "isapi:employment")
    answer = msgspec.to_builtins(await api.get_employee(call, "0003", asked))
    assert answer == {"emplid": "0003", "name": "王芳", "grade": None}
    assert call.headers["X-Fields-Denied"] == "home_phone, mobile_phone"


async def test_history_is_told_without_what_is_personal(house):
    await house.sync()
    call = PlainCall(house)
    entries = msgspec.to_builtins((await api.get_history(call, "0003")).items)
    assert entries
    assert not any({"action", "action_reason", "grade"} & entry.keys() for entry in entries)
    assert call.headers["X-Fields-Denied"] == "action, action_reason, grade"

    call = PlainCall(house, "isapi:employment")
    entries = msgspec.to_builtins((await api.get_history(call, "0003")).items)
    assert all({"action", "action_reason", "grade"} <= entry.keys() for entry in entries)
    assert "X-Fields-Denied" not in call.headers


async def test_every_answer_says_how_fresh_the_data_is(house):
    await house.sync()
    call = PlainCall(house)
    await api.list_departments(call, api.DepartmentQuery())
    assert call.headers["X-Data-As-Of"] == "2026-11-23T04:00:00Z"


async def test_pages_follow_each_other(house):
    await house.sync()
    call = PlainCall(house)
    seen, query = [], api.EmployeeQuery(limit=3)
    while True:
        page = await api.list_employees(call, query)
        seen.append([person.emplid for person in page.items])
        if page.next_cursor is None:
            break
        query = api.EmployeeQuery(limit=3, cursor=page.next_cursor)
    assert seen == [["0001", "0002", "0003"], ["0004"]]


async def test_status_and_include_choose_who_is_listed(house, company):
    company.job("0004", date(2026, 11, 1), deptid="D3", empl_status="T")
    company.person("0005", "新人", "D3", effdt=date(2026, 12, 1))
    await house.sync()

    async def listed(**query):
        page = await api.list_employees(PlainCall(house), api.EmployeeQuery(dept="D3", **query))
        return [person.emplid for person in page.items]

    assert await listed() == ["0003"]
    assert await listed(include=["leavers"]) == ["0003", "0004"]
    assert await listed(include=["future", "leavers"]) == ["0003", "0004", "0005"]
    assert await listed(status="future") == ["0005"]


async def test_reports_and_members_tell_nobody_from_nothing(house):
    await house.sync()
    call = PlainCall(house)

    async def reports(emplid, **query):
        return [p.emplid for p in (await api.list_reports(call, emplid, api.PeopleQuery(**query))).items]

    assert await reports("0001") == ["0002"]
    assert await reports("0001", recursive=True) == ["0002", "0003", "0004"]
    assert await reports("0004") == []
    with pytest.raises(EmployeeNotFound):
        await reports("0999")
    members = await api.list_members(call, "D2", api.PeopleQuery(recursive=True))
    assert [person.emplid for person in members.items] == ["0002", "0003", "0004"]
    with pytest.raises(DepartmentNotFound):
        await api.list_members(call, "D9", api.PeopleQuery())


async def test_sync_runs_and_what_they_quarantined_are_told(house, company):
    company.job("0003", date(2024, 1, 1), deptid="D9")
    company.job("0004", date(2024, 1, 1), deptid="D9")
    await house.sync()
    await house.sync()
    call = PlainCall(house)

    first = await api.list_sync_runs(call, api.PageQuery(limit=1))
    second = await api.list_sync_runs(call, api.PageQuery(limit=1, cursor=first.next_cursor))
    assert [run.id for run in (*first.items, *second.items)] == ["2", "1"]
    assert second.next_cursor is None
    run = await api.get_sync_run(call, "1")
    assert (run.state, run.counts["V_IS_JOB"].quarantined, run.data_as_of) == ("done", 2, company.clock)

    page = await api.list_quarantined_rows(call, "1", api.PageQuery(limit=1))
    rest = await api.list_quarantined_rows(call, "1", api.PageQuery(cursor=page.next_cursor))
    (row,) = rest.items
    assert (row.view, row.rule, row.key["emplid"]) == ("V_IS_JOB", "unknown_department", "0004")
    for unknown in ("99", "x", "9" * 30):
        with pytest.raises(SyncRunNotFound):
            await api.get_sync_run(call, unknown)


def test_shapes_have_a_schema():
    shapes = [route.handler.__annotations__["return"] for route in api.api.routes]
    assert shapes
    schemas, components = msgspec.json.schema_components([Employee, api.DepartmentTree, api.EmployeeQuery])
    assert len(schemas) == 3
    assert components["Employee"]["required"] == ["emplid"]
