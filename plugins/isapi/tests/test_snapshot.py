"""People in memory: every answer is, to the byte, what the database path gives, also after changes."""

from __future__ import annotations

import asyncio
import random
from datetime import date

import msgspec
import pytest

from serai import Encoded, Page, Problem
from serai.data.connections import Connections
from serai.web.fields import redacted
from serai.work.feed import Feed
from serai_isapi import api
from serai_isapi.directory import Directory
from serai_isapi.hidden import HiddenPeople
from serai_isapi.people import People
from serai_isapi.shapes import Employee
from serai_isapi.snapshot import Snapshots, finding, keeper, snapshot
from serai_isapi.snapshot.pace import Pace
from serai_isapi.snapshot.snapshot import EMPTY
from serai_isapi.sync import synchronise

DEPARTMENTS = [f"D{number}" for number in range(1, 10)]
NAMES = [
    *("张伟", "张伟国", "曾丽", "欧阳修", "王芳", "单于明", "\U0002070e生"),
    *('O"Neil,"status":', "a,b|c", "Zoë Ångström"),
]
CALLERS = [
    *(((), None), (("isapi:contact",), None), (("isapi:employment", "isapi:contact"), None)),
    *((("isapi:hidden",), None), ((), "0001"), ((), "0002"), ((), "0004")),
]
"""The scopes, and the colleague."""
ROUNDS = 4


async def told(house, people, who, handler, *arguments):
    """All that a caller receives."""
    house.provide(People, people)
    call = house.call(*who[0], person=who[1])
    try:
        answer = (await redacted(call, await handler(call, *arguments))).value
    except Problem as problem:
        return type(problem), str(problem), call.headers
    if isinstance(answer, Encoded):
        return answer.body, answer.next_cursor, call.headers
    return msgspec.json.encode(answer), answer.next_cursor if isinstance(answer, Page) else None, call.headers


@pytest.fixture
def crowd(company):
    """120 more people in nine departments, some of whom have left or are still to come."""
    dice = random.Random(7)
    for number in range(4, 10):
        company.department(f"D{number}", f"部门{number}", f"D{dice.randint(1, number - 1)}", leader=f"{number:04}")
    for number in range(5, 125):
        join(company, dice, f"{number * 37 % 10000:04}")
    return company


def join(company, dice, emplid):
    if company.of("PERSON", emplid=emplid):
        return
    company.person(
        emplid,
        dice.choice(NAMES),
        dice.choice(DEPARTMENTS),
        rtx_id=dice.choice(["", f"u{emplid}", "shared"]),
        empl_status=dice.choice("AAAAALT"),
        location=dice.choice(["BJ", "SH", " "]),
        supervisor_id=dice.choice([" ", "0001", "0003", *(row["emplid"] for row in company.rows["V_IS_PERSON"][-3:])]),
        effdt=dice.choice([date(2020, 1, 1), date(2026, 12, 1)]),
    )
    company.add("CONTACT", emplid=emplid, contact_kind="PHONE", contact_type="CELL", contact_value=f"138{emplid}")


def change(company, dice):
    """Some people move, leave, are renamed, come and go altogether."""
    for row in dice.sample(company.rows["V_IS_JOB"], 12):
        row.update(dice.choice([{"deptid": "D2"}, {"empl_status": "T"}, {"location": "SH"}, {"supervisor_id": "0002"}]))
    for row in dice.sample(company.rows["V_IS_NAME"], 6):
        row["name_ac"] = dice.choice(NAMES)
    for row in dice.sample(company.rows["V_IS_PERSON"][4:], 3):
        for view in ("PERSON", "NAME", "JOB", "ACCOUNT", "CONTACT"):
            company.remove(view, emplid=row["emplid"])
    for _ in range(3):
        join(company, dice, f"{dice.randint(1, 9999):04}")
    company.of("DEPT", deptid="D5")[0]["descr"] = f"部门 {dice.random()}"


def questions(company, dice):
    """Handlers with their arguments, one for each way to ask."""
    emplids = [row["emplid"] for row in company.rows["V_IS_PERSON"]]
    somebody = dice.choice([*emplids, "0001", "nobody", "", "张"])
    fields = dice.choice([None, None, dice.sample(Employee.__struct_fields__, dice.randint(1, 8))])
    one = api.FieldsOnDay(fields=fields)
    people = {
        "fields": fields,
        "limit": dice.choice([1, 2, 5, 1000]),
        "cursor": dice.choice([None, f'["{dice.choice(emplids)}"]', '["0500"]']),
        "recursive": dice.random() < 0.5,
        "status": dice.choice([None, None, "leaver", "future", "active"]),
        "include": dice.choice([None, None, ["future"], ["leavers", "future"]]),
    }
    words = ["zh", "zhang", "张", "伟", "u0", "shared", "o", '"', "0", "ｚ", "zh u0", "%", "| ", "xx", "ou b"]
    chosen = {
        "q": dice.choice([None, *words]),
        "dept": dice.choice([None, None, *DEPARTMENTS, "D99"]),
        "location": dice.choice([None, None, "BJ", "ZZ"]),
        "manager": dice.choice([None, None, "0001", somebody or None]),
    }
    yield api.get_employee, somebody, one
    yield api.get_employee_by_account, dice.choice(["shared", f"u{somebody}", "weiguozhang", "U1"]), one
    several = [*dice.choices(emplids, k=dice.choice([1, 3])), *dice.choice([[], ["nobody", "0001"]])]
    yield api.batch_get_employees, api.BatchGet(emplids=several, fields=fields)
    yield api.get_manager_chain, somebody, one
    yield api.list_reports, somebody, api.PeopleQuery(**people)
    yield api.list_members, dice.choice([*DEPARTMENTS, "D99"]), api.PeopleQuery(**people)
    yield api.list_employees, api.EmployeeQuery(**people, **chosen)


async def test_every_answer_is_what_the_database_gives_also_after_changes(house, crowd, monkeypatch):
    dice = random.Random(11)
    in_memory = house.get(People)
    from_database = People(house.get(Directory), Snapshots(house.db, house.feed, house.log))
    monkeypatch.setattr(finding, "MOST_REPORTS", 20)  # so that the database is asked too
    monkeypatch.setattr(finding, "MOST_LOOKED_AT", 60)
    await house.sync()
    monkeypatch.setattr(keeper, "read_all", None)  # from now on, only what has changed is read
    monkeypatch.setattr(snapshot, "REBUILD_PART", 0)  # and indexed
    hidden = house.get(HiddenPeople)
    for round_ in range(ROUNDS):
        if round_:
            change(crowd, dice)
            await house.sync()
        if round_ == 1:
            for emplid in ("0001", "0003", *(row["emplid"] for row in dice.sample(crowd.rows["V_IS_PERSON"], 4))):
                await hidden.hide(emplid, reason="protected", by="tests")
            await house.snapshots.hide(hidden.emplids)
        for _ in range(50):
            who = dice.choice(CALLERS)
            for handler, *arguments in questions(crowd, dice):
                mine = await told(house, in_memory, who, handler, *arguments)
                assert mine == await told(house, from_database, who, handler, *arguments), (who, handler, arguments)
                assert mine == await told(house, in_memory, who, handler, *arguments), "what was kept differs"
    for seen in (house.snapshots.without(frozenset()), house.snapshots.without(hidden.emplids)):
        assert list(seen.index) == list(await snapshot.index_of(seen.people, Pace()))


async def test_memory_follows_what_others_commit_also_after_a_lost_connection(house, migrated, company):
    connections = Connections(migrated, 8)
    await connections.open()
    feed = Feed(connections.database("serai"))
    feed.start()
    snapshots = Snapshots(connections.database("isapi"), feed, house.log)
    keeping = asyncio.create_task(snapshots.keep())

    async def seen(name):
        """Wait until 0003 has that name in memory."""
        async with asyncio.timeout(20):
            while True:
                people = snapshots.without(frozenset())
                person = people.one("0003") if people else None
                if person is not None and f'"{name}"'.encode() in person.own:
                    return
                await asyncio.sleep(0.005)

    try:
        await house.sync()
        await seen("王芳")
        company.of("NAME", emplid="0003")[0]["name_ac"] = "王方"
        await house.sync()
        await seen("王方")
        listening = "from pg_stat_activity where datname = current_database() and query ilike 'listen %feed%'"
        assert await house.rows(f"select pg_terminate_backend(pid) {listening}")
        company.of("NAME", emplid="0003")[0]["name_ac"] = "王圆"
        await house.sync()
        await seen("王圆")
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        await connections.close()


async def test_memory_reads_everything_again_where_the_feed_no_longer_tells(house, company):
    await house.sync()
    company.of("NAME", emplid="0003")[0]["name_ac"] = "王方"
    company.remove("JOB", emplid="0004")
    await synchronise(house, lambda note, **_: None, full=True)
    await house.rows("delete from serai.feed")
    await house.rows("update serai.feed_state set pruned_to = 1000")
    try:
        await house.snapshots.refresh()
    finally:
        await house.rows("update serai.feed_state set pruned_to = 0")
    people = house.snapshots.without(frozenset())
    assert [person.emplid for person in people.people if person.emplid in {"0003", "0004"}] == ["0003"]
    assert "王方".encode() in people.one("0003").own


async def test_a_sorted_set_of_lines_stays_one():
    dice = random.Random(3)

    def some(count):
        return {b"%c%d\xff%d" % (dice.choice(b"abc"), dice.randint(0, 200), dice.randint(0, 99)) for _ in range(count)}

    expected, lines = set(), EMPTY.index
    for _ in range(40):
        added = some(dice.choice([0, 1, 50, 900]))
        removed = some(100) | set(dice.sample(sorted(expected), len(expected) // 3))
        expected = expected - removed | added
        lines = await lines.changed(removed, added, Pace())
        assert list(lines) == sorted(expected)
        for prefix in (b"", b"a", b"b1", b"c20\xff", b"d"):
            after = b"%d" % dice.randint(0, 9)
            rest = sorted(line[len(prefix) :] for line in expected if line.startswith(prefix))
            assert list(lines.starting_with(prefix, after=after)) == [one for one in rest if one > after]
