"""Every rule puts its rows aside, and only those."""

from __future__ import annotations

from datetime import date, datetime

DAY = date(2024, 1, 1)

BAD_ROWS = [
    ("PERSON", "missing_emplid", {"emplid": " "}),
    ("PERSON", "unparsable_sex", {"emplid": "0009", "sex": 1}),
    ("NAME", "missing_effdt", {"emplid": "0001", "name_type": "PRI", "effdt": None}),
    ("NAME", "missing_name_type", {"emplid": "0001", "effdt": DAY}),
    ("NAME", "unparsable_effdt", {"emplid": "0001", "name_type": "PRI", "effdt": "2024-01-01"}),
    ("NAME", "unparsable_effdt", {"emplid": "0001", "name_type": "PRI", "effdt": datetime(2024, 1, 1)}),  # noqa: DTZ001  as a driver might
    ("NAME", "unparsable_name_ac", {"emplid": "0001", "name_type": "PRI", "effdt": DAY, "name_ac": "张\0"}),
    ("NAME", "unparsable_name_ac", {"emplid": "0001", "name_type": "PRI", "effdt": DAY, "name_ac": "\ud800"}),
    ("NAME", "unknown_person", {"emplid": "0999", "name_type": "PRI", "effdt": DAY}),
    ("CONTACT", "unknown_kind", {"emplid": "0001", "contact_kind": "FAX", "contact_type": "BUSN"}),
    ("CONTACT", "unknown_person", {"emplid": "0999", "contact_kind": "PHONE", "contact_type": "BUSN"}),
    ("ACCOUNT", "unknown_person", {"emplid": "0999", "rtx_id": "x"}),
    ("DEPT", "unknown_status", {"setid": "CN", "deptid": "D9", "effdt": DAY, "eff_status": "?"}),
    ("DEPT", "missing_deptid", {"setid": "CN", "effdt": DAY, "eff_status": "A"}),
    ("JOBCODE", "unknown_status", {"setid": "CN", "jobcode": "X", "effdt": DAY}),
    ("LOCATION", "unknown_status", {"setid": "CN", "location": "X", "effdt": DAY}),
    ("RELATION", "unknown_scope", {"scope": "X", "scope_id": "D1", "relation": "VP", "emplid": "0001"}),
    ("RELATION", "unknown_relation", {"scope": "D", "scope_id": "D1", "relation": "BOSS", "emplid": "0001"}),
    ("RELATION", "unknown_person", {"scope": "D", "scope_id": "D1", "relation": "VP", "emplid": "0999"}),
    ("RELATION", "unknown_department", {"scope": "D", "scope_id": "D9", "relation": "VP", "emplid": "0001"}),
]

BAD_NODES = [
    ("end_before_start", {"tree_node_num": 5, "tree_node_num_end": 4}),
    ("unknown_department", {"tree_node": "D9"}),
    ("unknown_parent", {"parent_node_name": "D8"}),
]

BAD_JOBS = [
    ("missing_emplid", {"emplid": "  "}),
    ("missing_effdt", {"effdt": None}),
    ("unparsable_empl_rcd", {"empl_rcd": "one"}),
    ("unparsable_effseq", {"effseq": 2**40}),
    ("unparsable_empl_rcd", {"empl_rcd": True}),
    ("unknown_status", {"empl_status": "Z"}),
    ("unknown_status", {"empl_status": " "}),
    ("unknown_organisation", {"per_org": "DOG"}),
    ("end_before_start", {"termination_dt": date(2019, 12, 31)}),
    ("unknown_person", {"emplid": "0999"}),
    ("unknown_department", {"deptid": "D9"}),
    ("unknown_department", {"setid_dept": "US"}),
]


async def test_rows_that_break_a_rule_are_put_aside(house, company):
    for view, _, values in BAD_ROWS:
        company.add(view, **values)

    run = await house.sync()

    assert run["state"] == "done"
    assert sorted(await house.rules()) == sorted((f"V_IS_{view}", rule) for view, rule, _ in BAD_ROWS)
    assert len(await house.search()) == 4


async def test_bad_nodes_of_the_tree_are_put_aside(house, company):
    for _, values in BAD_NODES:
        node = {"setid": "CN", "tree_name": "DEPT_SECURITY", "effdt": DAY, "tree_node": "D1", **values}
        company.add("DEPT_TREE", **node)

    await house.sync()

    assert sorted(await house.rules()) == sorted(("V_IS_DEPT_TREE", rule) for rule, _ in BAD_NODES)


async def test_bad_job_rows_are_put_aside(house, company):
    for _, values in BAD_JOBS:
        company.job(**{"emplid": "0003", "effdt": DAY, "deptid": "D1", **values})

    await house.sync()

    assert sorted(await house.rules()) == sorted(("V_IS_JOB", rule) for rule, _ in BAD_JOBS)
    assert (await house.employee("0003")).department.deptid == "D3"


async def test_a_row_that_turns_bad_leaves_its_last_good_version_published(house, company):
    await house.sync()

    company.of("JOB", emplid="0003")[0].update(empl_status="?", deptid="D1")
    company.of("DEPT", deptid="D3")[0].update(descr="x", eff_status="?")
    run = await house.sync()

    assert run["state"] == "done"
    person = await house.employee("0003")
    assert (person.department.deptid, person.department.name, person.status) == ("D3", "平台组", "active")


async def test_a_key_that_is_known_in_part_protects_all_it_may_mean(house, company):
    company.job("0003", DAY, deptid="D1")
    await house.sync()

    company.of("JOB", emplid="0003", effdt=DAY)[0].update(effdt=None)
    await house.sync()

    assert await house.rules() == [("V_IS_JOB", "missing_effdt")]
    assert (await house.employee("0003")).department.deptid == "D1"


async def test_a_quarantined_row_comes_back_when_it_is_mended(house, company):
    bad = company.job("0003", DAY, deptid="D9")
    await house.sync()

    bad["deptid"] = "D1"
    await house.sync()

    assert await house.rules() == []
    assert (await house.employee("0003")).department.deptid == "D1"


async def test_birth_dates_and_national_ids_are_nowhere_in_the_database(house, company):
    company.add("NID", emplid="0001", country="CHN", national_id_type="PR", national_id="110105194912310021")
    company.add("PERSON", emplid=" ", birthdate=date(1949, 12, 31))

    await house.sync()

    assert await house.rules() == [("V_IS_PERSON", "missing_emplid")]
    for table in await house.rows("select tablename from pg_tables where schemaname = 'isapi'"):
        assert not await house.rows(f"select from isapi.{table['tablename']} t where t::text ~ '1949|11010519'")
