"""What colleagues are to each other."""

from __future__ import annotations

import pytest

from serai_isapi.relations import Colleagues


@pytest.fixture
def relations(house):
    """`relations(viewer, *subjects)`: the relations to each, in their order."""

    async def ask(viewer: str, *subjects: str) -> list[set[str]]:
        found = await Colleagues(house.db).of(viewer, subjects)
        return [set(found[subject]) for subject in subjects]

    return ask


async def test_managers_are_all_above_and_nobody_else(house, relations):
    await house.sync()
    assert await relations("0001", "0001", "0002", "0003", "0004") == [
        {"self"}, {"managers"}, {"managers"}, {"managers"},
    ]  # fmt: skip
    assert await relations("0003", "0001", "0003", "0004", "0999") == [set(), {"self"}, {"managers"}, set()]
    assert await relations("0999", "0999", "0001") == [{"self"}, set()]


async def test_a_circle_of_managers_ends(house, company, relations):
    company.of("JOB", emplid="0003")[0]["supervisor_id"] = "0004"
    await house.sync()
    assert await relations("0003", "0003", "0004") == [{"self"}, {"managers"}]
    assert await relations("0001", "0003", "0004") == [set(), set()]


async def test_partners_are_the_own_ones_else_those_of_the_nearest_department(house, company, relations):
    company.add("RELATION", scope="D", scope_id="D2", relation="HRBP", emplid="0003", sort_order=1)
    company.add("RELATION", scope="E", scope_id="0004", relation="HRBP", emplid="0001", sort_order=1)
    await house.sync()
    assert await relations("0002", "0001", "0003", "0004") == [{"hrbp"}, {"managers"}, {"managers"}]
    assert await relations("0003", "0001", "0002", "0003") == [set(), {"hrbp"}, {"hrbp", "self"}]
    assert await relations("0001", "0004") == [{"managers", "hrbp"}]
