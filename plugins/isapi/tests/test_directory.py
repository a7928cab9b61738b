"""Finding people: search, paging, departments, managers, HR partners, other days."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from serai_isapi.departments import Departments
from serai_isapi.directory import Directory
from serai_isapi.fields import Shown
from serai_isapi.problems import AsOfOutOfRange, DepartmentNotFound, EmployeeNotFound, NoDataYet
from serai_isapi.published import edition_of
from serai_isapi.shapes import Employee
from serai_isapi.state import DataState

NAMES = Shown(("emplid", "name"))


BY_KEY = {
    "张伟国": ["0001"],
    "伟国": ["0001"],
    "张": ["0001"],
    "zhangweiguo": ["0001"],
    "zhangwei": ["0001"],
    "zhang wei": ["0001"],
    "ZHANG": ["0001"],
    "zwg": ["0001"],
    "weiguozhang@corp": ["0001"],
    "zeng": ["0002"],  # the surname's reading, not the character's usual `ceng`
    "ceng": [],
    "lizeng": ["0002"],
    "ouyang": ["0004"],
    "0003": ["0003"],
    "ｆａｎｇｗａｎｇ": ["0003"],
    "smith": ["0005"],
    "john smith": ["0005"],
    "%": [],
    "_": [],
    "\\": [],
    "|": [],
    " ": [],
    "hang": [],  # keys are found by how they begin
    "'; drop table isapi.employee; --": [],
}


async def test_search_by_each_key(house, company):
    company.person("0005", " ", "D3")
    company.of("NAME", emplid="0005")[0].update(name="Smith,John", first_name="John", last_name="Smith")
    await house.sync()

    assert {q: await house.search(q=q) for q in BY_KEY} == BY_KEY
    person = await house.employee("0005")
    assert (person.name, person.name_en, person.pinyin) == ("Smith,John", "John Smith", None)


async def test_filters(house, company):
    company.person("0005", "丁一", "D2", location="SH")
    await house.sync()

    assert await house.search(dept="D2") == ["0002", "0005"]
    assert await house.search(dept="D2", recursive=True) == ["0002", "0003", "0004", "0005"]
    assert await house.search(location="SH") == ["0005"]
    assert await house.search(manager="0003") == ["0004"]
    assert await house.search(under="0001") == ["0002", "0003", "0004", "0005"]
    assert await house.search(dept="D2", location="BJ", q="z") == ["0002"]


async def test_every_page_goes_on_where_the_one_before_ended_also_while_people_come_and_go(house, company):
    for number in range(20, 60, 2):
        company.person(f"00{number}", "甲乙")
    await house.sync()
    everybody = await house.search(limit=100)

    seen: list[str] = []
    after = None
    while page := await house.search(limit=7, after=after):
        seen += page
        after = page[-1]
        company.person(f"00{len(seen) + 12}x", "丙丁")
        company.job(page[0], date(2026, 11, 1), empl_status="T")
        await house.sync()

    assert len(seen) == len(set(seen))
    assert set(everybody) <= set(seen)


async def test_another_day_is_computed_from_history(house, company):
    company.job("0004", date(2024, 1, 1), deptid="D1", supervisor_id="0002")
    company.add("NAME", emplid="0004", name_type="PRI", effdt=date(2025, 1, 1), name="x", name_ac="欧阳修远")
    company.job("0003", date(2027, 1, 1), empl_status="T")
    await house.sync()

    before = await house.employee("0004", as_of=date(2023, 12, 31))
    assert (before.name, before.department.deptid, before.manager_emplid) == ("欧阳修", "D3", "0003")
    now = await house.employee("0004")
    assert (now.name, now.department.deptid, now.manager_emplid) == ("欧阳修远", "D1", "0002")
    assert await house.search(dept="D3", as_of=date(2023, 12, 31)) == ["0003", "0004"]
    assert await house.search(q="ouyang", as_of=date(2023, 12, 31)) == ["0004"]
    assert (await house.employee("0003", as_of=date(2027, 1, 1))).status == "leaver"


async def test_today_computed_from_history_is_what_is_published(house, company):
    company.job("0003", date(2026, 12, 1), deptid="D1")
    await house.sync()
    directory, day = house.get(Directory), date(2026, 11, 23)

    for emplid in ("0001", "0002", "0003", "0004"):
        ready = await house.employee(emplid)
        fields = Shown(Employee.__struct_fields__)
        assert await directory.one(emplid, shown=fields, edition=edition_of(day)) == ready


async def test_a_day_before_history_or_far_ahead_is_refused(house):
    state = house.get(DataState)
    with pytest.raises(NoDataYet):
        state.edition(None, house.now())
    await house.sync()

    for day in (date(2019, 12, 31), date(2026, 11, 23) + timedelta(days=367)):
        with pytest.raises(AsOfOutOfRange):
            state.edition(day, house.now())


async def test_managers_are_supervisors_else_the_nearest_leader_who_is_somebody_else(house, company):
    await house.sync()

    assert (await house.employee("0004")).manager_emplid == "0003"  # the supervisor
    assert (await house.employee("0003")).manager_emplid == "0002"  # D3 has no leader, D2 has
    assert (await house.employee("0002")).manager_emplid == "0001"  # leads D2 themself
    assert (await house.employee("0001")).manager_emplid is None


async def test_nobody_who_left_is_a_manager(house, company):
    company.job("0003", date(2026, 11, 1), empl_status="T")
    company.job("0002", date(2026, 11, 1), empl_status="T")
    await house.sync()

    assert (await house.employee("0004")).manager_emplid == "0001"


async def test_a_manager_chain_ends_also_in_a_circle(house, company):
    directory = house.get(Directory)
    await house.sync()
    assert [p.emplid for p in await directory.manager_chain("0004", shown=NAMES)] == ["0003", "0002", "0001"]
    assert await directory.manager_chain("0001", shown=NAMES) == []

    company.of("JOB", emplid="0001")[0].update(supervisor_id="0004")
    await house.sync()

    assert [p.emplid for p in await directory.manager_chain("0004", shown=NAMES)] == ["0003", "0002", "0001"]
    assert await house.search(under="0004") == ["0001", "0002", "0003"]
    with pytest.raises(EmployeeNotFound):
        await directory.manager_chain("0999", shown=NAMES)


async def test_hr_partners_are_ones_own_else_those_of_the_nearest_department(house, company):
    async def found(emplid):
        partners = await house.get(Directory).hrbp(emplid, shown=NAMES)
        return partners.scope, partners.deptid, [person.emplid for person in partners.people]

    await house.sync()
    assert await found("0004") == ("department", "D1", ["0002"])

    company.add("RELATION", scope="D", scope_id="D3", relation="HRBP", emplid="0003", sort_order=2)
    company.add("RELATION", scope="D", scope_id="D3", relation="HRBP", emplid="0001", sort_order=1)
    company.add("RELATION", scope="E", scope_id="0003", relation="HRBP", emplid="0004")
    await house.sync()
    assert await found("0004") == ("department", "D3", ["0001", "0003"])
    assert await found("0003") == ("employee", None, ["0004"])

    company.rows["V_IS_RELATION"] = company.of("RELATION", relation="LEADER")
    await house.sync()
    assert await found("0004") == (None, None, [])
    with pytest.raises(EmployeeNotFound):
        await found("0999")


async def test_batches_keep_the_order_and_name_what_is_missing(house):
    await house.sync()

    found = await house.get(Directory).batch(["0003", "0999", "0001", "0003"], shown=NAMES)

    assert [person.emplid for person in found.items] == ["0003", "0001"]
    assert found.missing == ["0999"]


async def test_an_account_belongs_to_who_works_here(house, company):
    company.person("0000", "前任", rtx_id="lizeng", empl_status="T")
    await house.sync()
    directory = house.get(Directory)

    assert (await directory.by_account("lizeng", shown=NAMES)).emplid == "0002"
    with pytest.raises(EmployeeNotFound):
        await directory.by_account("nobody", shown=NAMES)


async def test_history_tells_every_row_with_the_names_of_its_day(house, company):
    company.add("DEPT", setid="CN", deptid="D3", effdt=date(2025, 1, 1), eff_status="A", descr="平台部")
    company.job("0003", date(2026, 1, 1), action="PRO", grade="P8")
    company.job("0003", date(2027, 1, 1), empl_status="T", action="TER")
    await house.sync()

    history = await house.get(Directory).history("0003")

    assert [(entry.effective_date, entry.action, entry.working) for entry in history] == [
        (date(2027, 1, 1), "TER", False),
        (date(2026, 1, 1), "PRO", True),
        (date(2020, 1, 1), None, True),
    ]
    assert history[2].department.name == "平台组"
    with pytest.raises(EmployeeNotFound):
        await house.get(Directory).history("0999")


async def test_departments(house, company):
    company.add("DEPT", setid="CN", deptid="D4", effdt=date(1990, 1, 1), eff_status="I", descr="旧部门")
    await house.sync()
    departments = house.get(Departments)

    one = await departments.one("D3")
    assert (one.path, one.path_name, one.parent_deptid, one.level) == (
        ["D1", "D2", "D3"],
        "集团/技术部/平台组",
        "D2",
        3,
    )
    assert (await departments.one("D1")).hrbps == ["0002"]
    assert [d.deptid for d in await departments.search()] == ["D1", "D2", "D3"]
    assert [d.deptid for d in await departments.search(limit=1, after=["CN", "D1"])] == ["D2"]
    assert [d.deptid for d in await departments.search(q="技术")] == ["D2"]
    assert [d.deptid for d in await departments.search(parent="D1")] == ["D2"]
    assert [d.deptid for d in await departments.search(q="D", inactive=True)] == ["D1", "D2", "D3", "D4"]
    assert not (await departments.one("D4")).active
    with pytest.raises(DepartmentNotFound):
        await departments.one("D9")


async def test_the_tree_of_departments_follows_its_editions(house, company):
    tree = {"setid": "CN", "tree_name": "DEPT_SECURITY", "effdt": date(2026, 6, 1), "tree_node_num_end": 9}
    company.add("DEPT_TREE", **tree, tree_node="D1", tree_node_num=1)
    company.add("DEPT_TREE", **tree, tree_node="D3", tree_node_num=2, parent_node_name="D1")
    company.add("DEPT_TREE", **tree, tree_node="D2", tree_node_num=3, parent_node_name="D1")
    await house.sync()
    departments = house.get(Departments)

    (root,) = (await departments.tree()).roots
    assert [node.deptid for node in root.children] == ["D3", "D2"]
    (then,) = (await departments.tree(edition=edition_of(date(2026, 5, 31)))).roots
    assert [node.deptid for node in then.children] == ["D2"]
    assert [node.deptid for node in (await departments.tree(root="D2")).roots] == ["D2"]


async def test_a_tree_with_a_circle_keeps_everybody(house, company):
    company.of("DEPT_TREE", tree_node="D2")[0].update(parent_node_name="D3")
    await house.sync()

    assert (await house.employee("0004")).department.path == "平台组"
    assert len(await house.search()) == 4


async def test_contacts_and_the_path_of_departments(house, company):
    phone = {"emplid": "0003", "contact_kind": "PHONE"}
    company.add(
        "CONTACT", **phone, contact_type="BUSN", country_code="86", contact_value="010-12345678", extension="801"
    )
    company.add("CONTACT", **phone, contact_type="CELL", contact_value="13800138000")
    await house.sync()

    person = await house.employee("0003")
    assert (person.work_phone, person.mobile_phone) == ("+86 010-12345678-801", "13800138000")
    path = await house.get(Directory).department_path("0003")
    assert path.path == "集团/技术部/平台组"
    assert [step.deptid for step in path.departments] == ["D1", "D2", "D3"]
