"""Synchronisation: runs, idempotency, crashes, a source that fails."""

from __future__ import annotations

import json


async def test_the_first_run_publishes_everybody(house):
    run = await house.sync()

    assert (run["state"], run["reason"]) == ("done", None)
    counts = json.loads(run["counts"])
    assert counts["V_IS_JOB"] == {"read": 4, "quarantined": 0, "added": 4, "changed": 0, "removed": 0}
    person = await house.employee("0004")
    assert (person.name, person.pinyin) == ("欧阳修", "ou yang xiu")
    assert person.department.path == "集团/技术部/平台组"
    assert (person.title, person.location.name, person.manager_emplid) == ("工程师", "北京", "0003")
