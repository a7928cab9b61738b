"""What the feed tells of people and departments: all that changed, and nothing else."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from random import Random

import msgspec
import pytest

from serai_isapi.changes import DEPARTMENT, EMPLOYEE
from serai_isapi.sync import roll_over

TOPICS = [DEPARTMENT, EMPLOYEE]


@pytest.fixture
def news(house):
    """What the feed has had since the last time."""
    seen = 0

    async def news():
        nonlocal seen
        events = await house.feed.read(TOPICS, after=seen, limit=1000)
        seen = events[-1].seq if events else seen
        return events

    return news


async def test_the_first_load_tells_of_everybody_departments_first(house, news):
    await house.sync()

    events = await news()

    assert [event.key for event in events] == ["CN/D1", "CN/D2", "CN/D3", "0001", "0002", "0003", "0004"]
    department, person = events[2].payload, events[6].payload
    assert (department.name, department.path) == ("平台组", ["D1", "D2", "D3"])
    assert (person.name, person.mail, person.department.name) == ("欧阳修", "xiuouyang@corp.example", "平台组")
    assert msgspec.UNSET not in msgspec.structs.astuple(person)


async def test_a_change_tells_of_those_whom_it_concerns(house, company, news):
    await house.sync()
    await news()
    company.of("DEPT", deptid="D3")[0].update(descr="平台部")
    company.of("JOB", emplid="0001")[0].update(grade="P9")

    await house.sync()

    assert [event.key for event in await news()] == ["CN/D3", "0001", "0003", "0004"]


async def test_the_same_reading_again_tells_nothing(house, news):
    await house.sync()
    await news()

    await house.sync()

    assert await news() == []


async def test_who_is_gone_is_told_of_as_gone(house, company, news):
    await house.sync()
    await news()
    for view in ("PERSON", "NAME", "ACCOUNT", "CONTACT", "JOB"):
        company.remove(view, emplid="0004")

    await house.sync()

    assert [(event.key, event.payload) for event in await news()] == [("0004", None)]


async def test_a_held_run_tells_nothing(house, company, news):
    await house.sync()
    await news()
    house.configure(hold_terminations=0, hold_terminations_percent=0.0)
    company.job("0004", date(2026, 11, 1), empl_status="T")

    assert (await house.sync())["state"] == "held"

    assert await news() == []


async def test_the_roll_over_tells_what_the_new_day_brings(house, company, news):
    company.job("0003", date(2026, 11, 24), deptid="D1")
    await house.sync()
    await news()

    house.present = datetime(2026, 11, 23, 16, 1, tzinfo=UTC)
    assert await roll_over(house)

    (event,) = await news()
    assert (event.key, event.payload.department.deptid) == ("0003", "D1")


async def test_the_feed_replayed_from_any_point_gives_what_is_published(house, company, news):
    dice = Random(7)
    people: dict[str, object] = {}
    for number in range(12):
        if number % 3 == 2:
            company.remove("JOB", emplid=f"{dice.randrange(1, 5):04}")
        else:
            company.job(
                f"{dice.randrange(1, 5):04}", date(2026, 1, 1) + timedelta(number), deptid=dice.choice(["D1", "D2"])
            )
        await house.sync()
        for event in await news():
            if event.topic == EMPLOYEE.name:
                people[event.key] = event.payload
        present = {row["emplid"] for row in await house.rows("select emplid from isapi.employee")}
        assert {emplid for emplid, payload in people.items() if payload is not None} == present
        for emplid in present:
            assert msgspec.to_builtins(people[emplid]) == msgspec.to_builtins(await house.employee(emplid))
