"""The made-up company: the same for all who compute it, real-looking, consistent, and alive."""

import subprocess
import sys
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta

import pytest

from serai_ehr import VIEWS
from serai_ehr.demo import numbers
from serai_ehr.demo.clock import ZONE, CompanyClock
from serai_ehr.demo.company import Company
from serai_ehr.demo.driver import EPOCH
from serai_ehr.demo.jobs import JobRow, current
from serai_ehr.demo.organisation import DeptRow
from serai_ehr.demo.rows import rows
from serai_ehr.views import CONTACT, DEPT, DEPT_TREE, JOB, JOBCODE, NAME, NID, PERSON, RELATION

MOMENT = datetime(2026, 6, 15, 12, tzinfo=ZONE)
DIGEST = """
import hashlib
from datetime import datetime
from serai_ehr import VIEWS
from serai_ehr.demo.clock import ZONE
from serai_ehr.demo.company import Company
from serai_ehr.demo.driver import EPOCH
from serai_ehr.demo.rows import rows
company = Company(size=60, seed=3, epoch=EPOCH)
company.advance(datetime(2026, 6, 15, 12, tzinfo=ZONE))
snapshot = company.snapshot()
print(hashlib.sha256(repr([[tuple(row) for row in rows(snapshot, view)] for view in VIEWS]).encode()).hexdigest())
"""


def company_at(moment, *, size=800, seed=1):
    company = Company(size=size, seed=seed, epoch=EPOCH)
    company.advance(moment)
    return company


def everything(company):
    snapshot = company.snapshot()
    return {view: [tuple(row) for row in rows(snapshot, view)] for view in VIEWS}


def records(view, found):
    return [dict(zip(view.column_names, row, strict=True)) for row in found]


@pytest.fixture(scope="module")
def whole():
    return everything(company_at(MOMENT))


@pytest.fixture(scope="module")
def jobs_of(whole):
    histories = defaultdict(list)
    for row in whole[JOB]:
        histories[row[:2]].append(JobRow(*row))
    return {key: tuple(history) for key, history in histories.items()}


def test_rows_have_the_columns_of_their_views():
    assert tuple(name.upper() for name in JobRow._fields) == JOB.column_names
    assert tuple(name.upper() for name in DeptRow._fields) == DEPT.column_names


def test_every_process_computes_the_same():
    digests = {
        subprocess.run(
            [sys.executable, "-c", DIGEST], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


def test_how_often_one_looks_does_not_matter():
    often = company_at(MOMENT - timedelta(days=40), size=200)
    while often.now < MOMENT:
        often.advance(min(MOMENT, often.now + timedelta(minutes=997)))
    assert everything(often) == everything(company_at(MOMENT, size=200))


def test_another_seed_is_another_company():
    assert everything(company_at(MOMENT, size=40, seed=1)) != everything(company_at(MOMENT, size=40, seed=2))


@pytest.mark.parametrize("size", [20, 100, 800])
def test_it_has_about_the_wanted_size(size):
    company = company_at(EPOCH, size=size)
    assert abs(len(company.staff) - size) <= max(2, size * 0.02)


def test_keys_are_unique_and_nothing_is_longer_than_peoplesoft_allows(whole):
    for view, found in whole.items():
        places = [view.column_names.index(name) for name in view.key]
        keys = Counter(tuple(row[place] for place in places) for row in found)
        assert max(keys.values()) == 1, view.name
    assert all(len(row["EMPLID"]) <= 11 for row in records(PERSON, whole[PERSON]))
    for row in records(DEPT, whole[DEPT]):
        assert len(row["DEPTID"]) <= 10
        assert len(row["DESCR"]) <= 30
        assert len(row["DESCRSHORT"]) <= 10
        assert len(row["SETID"]) <= 5
    assert all(len(row["DESCR"]) <= 30 for row in records(JOBCODE, whole[JOBCODE]))


def test_texts_are_never_empty_but_one_blank(whole):
    for view, found in whole.items():
        for row in found:
            assert all(value != "" for value in row), (view.name, row)


def test_several_people_share_a_name_and_the_rare_readings_are_there(whole):
    names = records(NAME, whole[NAME])
    assert max(Counter(row["NAME"] for row in names).values()) > 2
    readings = {row["NAME_AC"][0]: row["LAST_NAME"] for row in names if row["NAME_AC"] != " "}
    known = {"曾": "Zeng", "单": "Shan", "仇": "Qiu", "解": "Xie", "翟": "Zhai", "区": "Ou", "盖": "Ge", "查": "Zha"}
    assert set(known) & set(readings)
    assert {han: readings[han] for han in known if han in readings}.items() <= known.items()
    assert any(row["NAME_AC"] == " " for row in names)


def test_citizens_numbers_fit_the_person_and_belong_to_nobody(whole):
    born = {row["EMPLID"]: row for row in records(PERSON, whole[PERSON])}
    citizens = [row for row in records(NID, whole[NID]) if row["NATIONAL_ID_TYPE"] == "NID"]
    assert len({row["NATIONAL_ID"] for row in citizens}) == len(citizens)
    for row in citizens:
        number, person = row["NATIONAL_ID"], born[row["EMPLID"]]
        assert number.startswith("99")
        assert number[6:14] == f"{person['BIRTHDATE']:%Y%m%d}"
        assert int(number[16]) % 2 == (person["SEX"] == "M")
        assert sum((2**place % 11) * (10 if digit == "X" else int(digit))
                   for place, digit in enumerate(reversed(number))) % 11 == 1  # fmt: skip


@pytest.mark.parametrize("number", ["11010519491231002X", "440524188001010014"])
def test_the_check_character_is_that_of_the_standards_examples(number):
    assert numbers.check_character(number[:17]) == number[17]


def test_histories_are_in_order_and_lead_from_hire_to_leave(jobs_of):
    for history in jobs_of.values():
        assert [row[2:4] for row in history] == sorted({row[2:4] for row in history})
        assert history[0].action in {"HIR", "ADD", "ADL", "REH"}
        for row in history:
            assert (row.hr_status == "I") == (row.empl_status in {"T", "R", "D"}) == (row.termination_dt is not None)
            if row.termination_dt:
                assert row.termination_dt == row.effdt - timedelta(days=1)


def test_everything_that_happens_in_a_company_has_happened(jobs_of):
    every = [row for history in jobs_of.values() for row in history]
    assert {row.action for row in every} >= {
        "HIR",
        "ADD",
        "REH",
        "TER",
        "RET",
        "XFR",
        "PRO",
        "DTA",
        "LOA",
        "PLA",
        "RFL",
        "ADL",
    }
    assert {row.empl_status for row in every} >= {"A", "L", "P", "T", "R"}
    assert any(row.effseq > 0 for row in every)
    assert any(row.action_reason == "COR" for row in every)
    ahead = [row.action for row in every if row.effdt > row.lastupddttm.date()]
    assert {"HIR", "REH", "TER", "XFR", "RFL"} <= set(ahead)
    assert any(row.effdt > MOMENT.date() for row in every)
    assert any(row.job_indicator == "S" for row in every)
    rehired = [history for (_, record), history in jobs_of.items() if record > 0 and history[0].action == "REH"]
    assert rehired


def test_departments_are_five_levels_deep_and_everybody_is_in_an_open_one(whole, jobs_of):
    today = MOMENT.date()
    last = max(row["EFFDT"] for row in records(DEPT_TREE, whole[DEPT_TREE]))
    tree = {row["TREE_NODE"]: row for row in records(DEPT_TREE, whole[DEPT_TREE]) if row["EFFDT"] == last}
    assert Counter(row["TREE_LEVEL_NUM"] for row in tree.values()).keys() == {1, 2, 3, 4, 5}
    for row in tree.values():
        parent = tree.get(row["PARENT_NODE_NAME"])
        if parent is None:
            assert (row["PARENT_NODE_NAME"], row["TREE_LEVEL_NUM"]) == (" ", 1)
            continue
        assert row["TREE_LEVEL_NUM"] == parent["TREE_LEVEL_NUM"] + 1
        assert parent["TREE_NODE_NUM"] < row["TREE_NODE_NUM"] <= row["TREE_NODE_NUM_END"] <= parent["TREE_NODE_NUM_END"]
    for history in jobs_of.values():
        row = current(history, today)
        if row and row.hr_status == "A":
            assert row.deptid in tree


def test_departments_were_renamed_moved_opened_and_closed(whole):
    trees = defaultdict(dict)
    for row in records(DEPT_TREE, whole[DEPT_TREE]):
        trees[row["EFFDT"]][row["TREE_NODE"]] = row["PARENT_NODE_NAME"]
    first, last = trees[min(trees)], trees[max(trees)]
    assert len(trees) > 20
    assert last.keys() - first.keys()
    assert first.keys() - last.keys() or any(set(tree) - set(last) for tree in trees.values())
    assert any(
        one[node] != other[node]
        for one in trees.values()
        for other in trees.values()
        for node in one.keys() & other.keys()
    )
    names = defaultdict(set)
    for row in records(DEPT, whole[DEPT]):
        names[row["SETID"], row["DEPTID"]].add(row["DESCR"])
    assert any(len(several) > 1 for several in names.values())


@pytest.mark.parametrize("day", [date(2015, 3, 3), date(2021, 10, 2), MOMENT.date()])
def test_superiors_are_at_work_and_lead_upwards_without_a_cycle(jobs_of, day):
    boss, top = {}, set()
    for (emplid, _), history in jobs_of.items():
        row = current(history, day)
        if row and row.hr_status == "A" and row.job_indicator == "P":
            boss[emplid] = row.supervisor_id
            top |= {emplid} if row.supervisor_id == " " else set()
    assert len(top) == 1
    for emplid in boss:
        seen, here = set(), emplid
        while boss[here] != " ":
            assert here not in seen
            seen.add(here)
            here = boss[here]
        assert len(seen) <= 5


def test_superiors_are_the_leaders_of_the_departments(whole, jobs_of):
    leaders = {
        row["SCOPE_ID"]: row["EMPLID"] for row in records(RELATION, whole[RELATION]) if row["RELATION"] == "LEADER"
    }
    managers = {}
    for row in sorted(records(DEPT, whole[DEPT]), key=lambda row: row["EFFDT"]):
        if row["SETID"] == "SHARE" and row["EFFDT"] <= MOMENT.date() and row["EFF_STATUS"] == "A":
            managers[row["DEPTID"]] = row["MANAGER_ID"]
    assert all(managers[deptid] == emplid for deptid, emplid in leaders.items())
    for history in jobs_of.values():
        row = current(history, MOMENT.date())
        if row and row.hr_status == "A" and leaders.get(row.deptid) not in (None, row.emplid):
            assert row.supervisor_id == leaders[row.deptid]


def test_hrbps_and_hrds_are_at_work(whole, jobs_of):
    relations = records(RELATION, whole[RELATION])
    assert {row["RELATION"] for row in relations} == {"LEADER", "VP", "HRBP", "HRD"}
    assert {row["SCOPE"] for row in relations} == {"D", "E"}
    at_work = {
        emplid
        for (emplid, _), history in jobs_of.items()
        if (row := current(history, MOMENT.date())) and row.hr_status == "A"
    }
    assert {row["EMPLID"] for row in relations} <= at_work


def test_every_quarter_of_an_hour_something_has_changed():
    company = company_at(MOMENT)
    before = everything(company)
    for _ in range(8):
        company.advance(company.now + timedelta(minutes=15))
        after = everything(company)
        assert after != before
        before = after


def test_a_change_is_newer_than_the_reading_before(whole):
    company = company_at(MOMENT)
    company.advance(MOMENT + timedelta(minutes=30))
    changed = set(everything(company)[CONTACT]) - set(whole[CONTACT])
    assert changed
    assert all(MOMENT < row[-1] <= MOMENT + timedelta(minutes=30) for row in changed)


def test_old_rows_are_corrected_and_deleted():
    company = company_at(MOMENT)
    before = {row[:4]: row for row in everything(company)[JOB]}
    company.advance(MOMENT + timedelta(days=365))
    after = {row[:4]: row for row in everything(company)[JOB]}
    assert before.keys() - after.keys()
    assert any(after[key] != row for key, row in before.items() if key in after)


def test_nothing_on_file_is_entered_in_the_future(whole):
    for view in VIEWS:
        if "LASTUPDDTTM" in view.column_names:
            assert max(row[view.column_names.index("LASTUPDDTTM")] for row in whole[view]) <= MOMENT


def test_it_goes_on_for_decades():
    company = company_at(datetime(2060, 1, 1, tzinfo=ZONE), size=60)
    assert abs(len(company.staff) - 60) <= 3
    assert max(row[2] for row in everything(company)[JOB]) > date(2059, 1, 1)


def test_a_moment_that_has_passed_changes_nothing(whole):
    company = company_at(MOMENT)
    company.advance(MOMENT - timedelta(days=400))
    assert everything(company) == whole


def test_company_time_is_real_time_unless_it_is_paced():
    real = datetime(2026, 11, 23, 12, tzinfo=ZONE)
    assert CompanyClock(EPOCH, 1.0).at(real) == real
    fast = CompanyClock(real, 96.0)
    assert fast.at(real + timedelta(minutes=15)) == real + timedelta(days=1)
