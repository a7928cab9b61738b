"""The employee directory for plugins that run beside isapi."""

from __future__ import annotations

import inspect
from contextlib import aclosing

import pytest
from msgspec import UNSET

from serai_isapi.client import Client
from serai_isapi.departments import Departments
from serai_isapi.directory import Directory
from serai_isapi.hidden import HiddenPeople
from serai_isapi.local import LocalDirectory
from serai_isapi.problems import DepartmentNotFound, EmployeeNotFound
from serai_isapi.service import EmployeeDirectory
from serai_isapi.state import DataState

METHODS = [name for name in vars(EmployeeDirectory) if not name.startswith("_")]


@pytest.fixture
async def local(house):
    await house.sync()
    return LocalDirectory(
        people=house.get(Directory),
        tree=house.get(Departments),
        state=house.get(DataState),
        hidden=house.get(HiddenPeople),
        feed=house.feed,
        now=house.now,
    )


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("implementation", [LocalDirectory, Client])
def test_both_implementations_take_the_same(implementation, name):
    assert inspect.signature(getattr(implementation, name)) == inspect.signature(getattr(EmployeeDirectory, name))


async def test_people_and_departments_are_found(local):
    assert (await local.employee("0004")).name == "欧阳修"
    assert (await local.employee("0004", fields=["mail"])).name is UNSET
    assert (await local.employee_by_account("lizeng")).emplid == "0002"
    found = await local.batch(["0003", "9999", "0003"])
    assert ([person.emplid for person in found.items], found.missing) == (["0003"], ["9999"])
    assert [person.emplid async for person in local.search(dept="D2", recursive=True)] == ["0002", "0003", "0004"]
    assert [person.emplid async for person in local.members("D3")] == ["0003", "0004"]
    assert [person.emplid for person in await local.manager_chain("0004")] == ["0003", "0002", "0001"]
    assert [person.emplid for person in (await local.hrbp("0004")).people] == ["0002"]
    assert [department.deptid async for department in local.departments(parent="D1")] == ["D2"]
    assert (await local.department("D2")).name == "技术部"
    with pytest.raises(EmployeeNotFound):
        await local.employee("9999")
    with pytest.raises(DepartmentNotFound):
        await anext(local.members("D9"))


async def test_changes_begin_with_a_copy_and_hidden_people_are_in_none(local, house, company):
    await house.get(HiddenPeople).hide("0003", reason="board", by="tests")
    async with aclosing(local.changes()) as following:
        first = await anext(following)
        assert first.event is None
        assert [person.emplid async for person in local.search()] == ["0001", "0002", "0004"]
        company.of("DEPT", deptid="D3")[0].update(descr="平台部")
        await house.sync()
        department, person = await anext(following), await anext(following)
    assert (department.event.key, person.event.key) == ("CN/D3", "0004")
    assert person.event.payload.department.name == "平台部"
    assert person.event.payload.manager_emplid is None, "that is somebody hidden"
    async with aclosing(local.changes(department.since)) as again:
        assert (await anext(again)).event == person.event
    async with aclosing(local.changes("a position of another deployment")) as elsewhere:
        assert (await anext(elsewhere)).event is None
