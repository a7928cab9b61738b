"""The handlers: what callers may see, what the headers say, how pages follow each other."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import get_args

import msgspec
import pytest

from serai import Encoded, Relations
from serai.identity.marks import marks_of
from serai.web.fields import redacted
from serai_isapi import api, identity_api, plugin
from serai_isapi.fields import PERSONAL, FieldName
from serai_isapi.journal import SyncRunNotFound
from serai_isapi.problems import DepartmentNotFound, EmployeeNotFound
from serai_isapi.relations import Colleagues
from serai_isapi.shapes import Employee, HistoryEntry


async def answered(call, answer):
    """What the kernel sends of a handler's answer, as plain values."""
    value = (await redacted(call, await answer)).value
    return msgspec.json.decode(value.body) if isinstance(value, Encoded) else msgspec.to_builtins(value)


def emplids(page):
    """Of a page of employees that shows nothing personal."""
    body = page.body if isinstance(page, Encoded) else msgspec.json.encode(page)
    return [person["emplid"] for person in msgspec.json.decode(body)["items"]]


PERSONAL_FIELDS = set(marks_of(Employee).personal)


def test_every_field_of_an_employee_can_be_asked_for():
    assert get_args(FieldName) == Employee.__struct_fields__


def test_every_permission_is_declared():
    declared = plugin.plugin_info().permissions.keys()
    asked = {route.permission for part in (api, identity_api) for route in part.api.routes}
    seen = {audience for field in PERSONAL for audience in (*field.clear, *field.masked) if ":" in audience}
    assert asked | seen | {"isapi:write"} == declared  # SCIM asks for that one itself


def test_every_declared_field_is_somewhere():
    marked = {*marks_of(Employee).personal.values(), *marks_of(HistoryEntry).personal.values()}
    assert marked == {field.name for field in PERSONAL}


async def test_systems_need_permissions_for_personal_fields_and_the_answer_names_what_was_denied(house):
    await house.sync()
    call = house.call()
    plain = await answered(call, api.get_employee(call, "0003", api.FieldsOnDay()))
    assert plain.keys() == set(Employee.__struct_fields__) - PERSONAL_FIELDS
    assert call.headers["X-Fields-Denied"] == ", ".join(sorted(PERSONAL_FIELDS))

    call = house.call()
    asked = api.FieldsOnDay(fields=["name", "grade", "mobile_phone", "home_phone"])
    assert await answered(call, api.get_employee(call, "0003", asked)) == {"emplid": "0003", "name": "王芳"}
    assert call.headers["X-Fields-Denied"] == "grade, home_phone, mobile_phone"

    call = house.call("isapi:employment")
    answer = await answered(call, api.get_employee(call, "0003", asked))
    assert answer == {"emplid": "0003", "name": "王芳", "grade": None}
    assert call.headers["X-Fields-Denied"] == "home_phone, mobile_phone"


async def test_colleagues_see_by_what_they_are_to_a_person(house, company):
    for emplid, phone in (("0003", "13812340003"), ("0004", "13812340004")):
        company.add(
            "CONTACT", emplid=emplid, contact_kind="PHONE", contact_type="CELL", country_code="86", contact_value=phone
        )
    company.of("JOB", emplid="0004")[0]["grade"] = "P6"
    await house.sync()
    house.services.offer(Relations, Colleagues(house.db))
    query = api.EmployeeQuery(dept="D3", fields=["mobile_phone", "grade"])

    async def seen_by(person):
        call = house.call(person=person)
        page = await answered(call, api.list_employees(call, query))
        return page["items"][1], call.headers.get("X-Fields-Denied"), call.headers.get("X-Fields-Masked")

    assert await seen_by("0004") == (
        {"emplid": "0004", "mobile_phone": "+86 13812340004", "grade": "P6"}, "grade", "mobile_phone",
    )  # fmt: skip
    manager = {"emplid": "0004", "mobile_phone": "138****0004", "grade": "P6"}
    assert (await seen_by("0003"))[0] == (await seen_by("0001"))[0] == manager
    partner = ({"emplid": "0004", "mobile_phone": "+86 13812340004", "grade": "P6"}, None, None)
    assert await seen_by("0002") == partner
    assert await seen_by("0999") == ({"emplid": "0004", "mobile_phone": "138****0004"}, "grade", "mobile_phone")


async def test_history_is_told_without_what_is_personal(house):
    await house.sync()
    call = house.call()
    page = await answered(call, api.get_history(call, "0003"))
    assert page["items"]
    assert not any({"action", "action_reason", "grade"} & entry.keys() for entry in page["items"])
    assert call.headers["X-Fields-Denied"] == "action, action_reason, grade"

    for who in ({"person": "0003"}, {"person": None}):
        call = house.call(*(["isapi:employment"] if who["person"] is None else []), **who)
        page = await answered(call, api.get_history(call, "0003"))
        assert all({"action", "action_reason", "grade"} <= entry.keys() for entry in page["items"])
        assert "X-Fields-Denied" not in call.headers


async def test_every_answer_says_how_fresh_the_data_is(house):
    await house.sync()
    call = house.call()
    await api.list_departments(call, api.DepartmentQuery())
    assert call.headers["X-Data-As-Of"] == "2026-11-23T04:00:00Z"


async def test_pages_follow_each_other(house):
    await house.sync()
    call = house.call()
    seen, query = [], api.EmployeeQuery(limit=3)
    while True:
        page = await api.list_employees(call, query)
        seen.append(emplids(page))
        if page.next_cursor is None:
            break
        query = api.EmployeeQuery(limit=3, cursor=page.next_cursor)
    assert seen == [["0001", "0002", "0003"], ["0004"]]


async def test_status_and_include_choose_who_is_listed(house, company):
    company.job("0004", date(2026, 11, 1), deptid="D3", empl_status="T")
    company.person("0005", "新人", "D3", effdt=date(2026, 12, 1))
    await house.sync()

    async def listed(**query):
        return emplids(await api.list_employees(house.call(), api.EmployeeQuery(dept="D3", **query)))

    assert await listed() == ["0003"]
    assert await listed(include=["leavers"]) == ["0003", "0004"]
    assert await listed(include=["future", "leavers"]) == ["0003", "0004", "0005"]
    assert await listed(status="future") == ["0005"]


async def test_reports_and_members_tell_nobody_from_nothing(house):
    await house.sync()
    call = house.call()

    async def reports(emplid, **query):
        return emplids(await api.list_reports(call, emplid, api.PeopleQuery(**query)))

    assert await reports("0001") == ["0002"]
    assert await reports("0001", recursive=True) == ["0002", "0003", "0004"]
    assert await reports("0004") == []
    with pytest.raises(EmployeeNotFound):
        await reports("0999")
    members = await api.list_members(call, "D2", api.PeopleQuery(recursive=True))
    assert emplids(members) == ["0002", "0003", "0004"]
    with pytest.raises(DepartmentNotFound):
        await api.list_members(call, "D9", api.PeopleQuery())


async def test_sync_runs_and_what_they_quarantined_are_told(house, company):
    company.job("0003", date(2024, 1, 1), deptid="D9")
    company.job("0004", date(2024, 1, 1), deptid="D9")
    await house.sync()
    await house.sync()
    call = house.call()

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
    shapes = [route.handler.__annotations__["return"] for part in (api, identity_api) for route in part.api.routes]
    assert shapes
    schemas, components = msgspec.json.schema_components([Employee, api.DepartmentTree, api.EmployeeQuery])
    assert len(schemas) == 3
    assert components["Employee"]["required"] == ["emplid"]


async def test_who_is_shown_personal_fields_in_clear_can_be_told_afterwards(house, company):
    company.add("CONTACT", emplid="0003", contact_kind="PHONE", contact_type="CELL", contact_value="13812348000")
    await house.sync()
    noted = []
    house.fields.disclosures = SimpleNamespace(note=lambda who, *what: noted.append(what))
    for call in (house.call(), house.call("isapi:contact"), house.call(person="0003")):
        seen = await redacted(call, await api.batch_get_employees(call, api.BatchGet(emplids=["0003", "0004"])))
        call.ctx.fields.of(call.who).note("/isapi/api/v1/employees:batch-get", seen, "a test")
    # Neither who sees the directory only, nor who sees themselves.
    assert noted == [("/isapi/api/v1/employees:batch-get", ["0003"], ["isapi.mobile_phone"], "a test")]
