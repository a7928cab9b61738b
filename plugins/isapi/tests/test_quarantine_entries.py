"""The quarantine as one works through it: over all runs, explained, ignored where somebody knows better."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from serai_isapi import api
from serai_isapi.quarantine import QuarantineEntryNotFound, QuarantineEntryResolved
from serai_isapi.records import RECORDS
from serai_isapi.rules import explain, rules_of

DAY = date(2024, 1, 1)
KNOWN = api.Reason(reason="a test account")


async def entries(house, **query):
    return (await api.list_quarantine(house.call(person="0001"), api.QuarantineQuery(**query))).items


async def test_an_entry_tells_what_is_wrong_since_when_and_what_to_do(house, company):
    company.job("0003", DAY, deptid="D9")
    await house.sync()
    first = house.now()
    house.present += timedelta(hours=1)
    await house.sync()

    (entry,) = await entries(house)

    assert (entry.view, entry.rule, entry.rows, entry.times) == ("V_IS_JOB", "unknown_department", 1, 2)
    assert entry.key == {"emplid": "0003", "empl_rcd": 0, "effdt": "2024-01-01", "effseq": 0}
    assert (entry.first_seen, entry.last_seen) == (first, house.now())
    assert entry.meaning == "there is no such department under that SETID in V_IS_DEPT"
    assert entry.remedy == "create the department, or correct DEPTID and SETID"


def test_every_rule_is_explained():
    for record in RECORDS:
        for rule in (*rules_of(record), *(f"unparsable_{column}" for column in record.columns), "duplicate_key"):
            meaning, remedy = explain(rule)
            assert meaning
            assert remedy
            assert "{" not in meaning


async def test_rows_with_one_key_are_one_entry(house, company):
    company.job("0003")

    await house.sync()

    (entry,) = await entries(house)
    assert (entry.rule, entry.rows) == ("duplicate_key", 2)


@pytest.mark.parametrize("mend", ["mended", "gone"])
async def test_what_comes_clean_is_resolved_and_opens_again_when_it_comes_back(house, company, mend):
    bad = company.job("0003", DAY, deptid="D9")
    await house.sync()
    if mend == "gone":
        company.rows["V_IS_JOB"].remove(bad)
    else:
        bad["deptid"] = "D1"
    await house.sync()
    assert await entries(house) == []
    (resolved,) = await entries(house, state="resolved")

    company.remove("JOB", emplid="0003", effdt=DAY)
    company.job("0003", DAY, deptid="D9")
    await house.sync()

    (again,) = await entries(house)
    assert (again.id, again.first_seen, again.times) == (resolved.id, resolved.first_seen, 2)


async def test_an_increment_resolves_what_it_reads_and_nothing_else(house, company):
    mended, other = company.job("0003", DAY, deptid="D9"), company.job("0004", DAY, empl_status="?")
    await house.sync()
    mended.update(deptid="D1", lastupddttm=company.clock)

    await house.sync(full=False)

    (entry,) = await entries(house)
    assert entry.key["emplid"] == other["emplid"]


async def test_a_kept_row_is_looked_at_again_until_what_it_refers_to_is_there_again(house, company):
    await house.sync()
    company.remove("PERSON", emplid="0004")
    for times in (1, 2):
        await house.sync()
        assert {(entry.view, entry.rule, entry.times) for entry in await entries(house, key="0004")} == {
            (view, "unknown_person", times) for view in ("V_IS_NAME", "V_IS_JOB", "V_IS_ACCOUNT", "V_IS_CONTACT")
        }
        assert (await house.employee("0004")).name == "欧阳修"

    company.add("PERSON", emplid="0004", sex="U")
    await house.sync()

    assert await entries(house) == []


async def test_an_ignored_row_holds_no_run_and_stays_aside(house, company):
    await house.sync()
    house.configure(hold_quarantined_percent=0.5)
    company.add("PERSON", emplid=" ")
    assert (await house.sync())["state"] == "held"
    (entry,) = await entries(house)

    ignored = await api.ignore_quarantined(house.call(person="0001"), entry.id, KNOWN)
    assert (ignored.state, ignored.decision.by, ignored.decision.reason) == ("ignored", "tests", "a test account")
    assert (await house.sync())["state"] == "done"
    assert [entry.state for entry in await entries(house, state="ignored")] == ["ignored"]

    await api.reopen_quarantined(house.call(person="0001"), entry.id, api.Reason(reason="it is not"))
    assert (await house.sync())["state"] == "held"


async def test_what_came_clean_or_never_was_cannot_be_ignored(house, company):
    bad = company.job("0003", DAY, deptid="D9")
    await house.sync()
    bad["deptid"] = "D1"
    await house.sync()
    (entry,) = await entries(house, state="resolved")

    with pytest.raises(QuarantineEntryResolved):
        await api.ignore_quarantined(house.call(person="0001"), entry.id, KNOWN)
    for unknown in ("99", "x", "9" * 30):
        with pytest.raises(QuarantineEntryNotFound):
            await api.reopen_quarantined(house.call(person="0001"), unknown, KNOWN)


async def test_entries_are_filtered_and_paged(house, company):
    for emplid in ("0001", "0002", "0003"):
        company.job(emplid, DAY, deptid="D9")
    company.add("ACCOUNT", emplid="0999", rtx_id="x")
    await house.sync()
    call = house.call(person="0001")

    first = await api.list_quarantine(call, api.QuarantineQuery(view="V_IS_JOB", limit=2))
    rest = await api.list_quarantine(call, api.QuarantineQuery(view="V_IS_JOB", cursor=first.next_cursor))
    assert [entry.key["emplid"] for entry in (*first.items, *rest.items)] == ["0001", "0002", "0003"]
    assert [entry.key["emplid"] for entry in await entries(house, rule="unknown_person")] == ["0999"]
    assert [entry.key["emplid"] for entry in await entries(house, key="0002")] == ["0002"]
    assert await entries(house, view="V_IS_NAME") == []
