"""The same ten thousand people through the whole of Serai: isapi answers what plain SQL over the source says."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from tests.real_input import expected, load

FOLDER = Path(os.environ.get("SERAI_TEST_EMPLOYEES") or Path(__file__).parents[3] / "shared" / "data" / "employees")

pytestmark = [
    pytest.mark.sample_data,
    pytest.mark.skipif(
        not (FOLDER / "employee.csv").exists(),
        reason=f"no sample data in {FOLDER} (SERAI_TEST_EMPLOYEES names the folder)",
    ),
]

TOML = """
[kernel]
plugins = ["isapi"]
keys = ["{key}"]
client_rate = 10000
client_burst = 10000

[devices.ehr]
driver = "ehr_postgres"
dsn = "{dsn}"
schema = "hr"

[plugins.isapi]
source = "ehr"
"""


def everything(serai: Any, path: str) -> Iterator[dict[str, Any]]:
    """All items of a list, page by page."""
    cursor = ""
    while True:
        answer = serai.get(f"{path}{'&' if '?' in path else '?'}limit=1000{cursor}")
        assert answer.status == 200, answer.body
        yield from answer.json["items"]
        if answer.json["next_cursor"] is None:
            return
        cursor = f"&cursor={answer.json['next_cursor']}"


async def test_isapi_answers_what_the_source_says(run_serai, until, database_url, capsys):
    await load.load(FOLDER, database_url)
    serai = run_serai(TOML.format(key="k" * 48, dsn=database_url))
    serai.start()
    serai.wait_ready()
    serai.add_client("isapi:read", "isapi:employment")
    run = until(
        lambda: (
            (runs := serai.get("/isapi/api/v1/sync-runs").json["items"])
            and runs[0]["state"] in {"done", "failed", "held"}
            and runs[0]
        ),
        "the first sync",
        limit=180,
    )
    assert run["state"] == "done", run

    source = await asyncpg.connect(database_url)
    try:
        for day in expected.DAYS:
            heads = {
                dept: sum(1 for _ in everything(serai, f"/isapi/api/v1/departments/{dept}/members?as_of={day}"))
                for dept in (f"d{number:03}" for number in range(1, 10))
            }
            heads = {dept: count for dept, count in heads.items() if count}
            assert heads == await expected.heads_per_department(source, day)
            with capsys.disabled():
                print(f"\n{day}: {sum(heads.values())} heads in {len(heads)} departments")

        people = {person["emplid"]: person for person in everything(serai, "/isapi/api/v1/employees?include=leavers")}
        assert len(people) == 10_000
        working = {emplid: person for emplid, person in people.items() if person["status"] == "active"}
        today = datetime.now(UTC).date()
        assert {emplid: person["title"] for emplid, person in working.items()} == await expected.titles(source, today)

        left = {
            emplid: date.fromisoformat(person["termination_date"])
            for emplid, person in people.items()
            if person["status"] == "leaver"
        }
        assert left == await expected.leavers(source)

        departments = {each["deptid"]: each for each in everything(serai, "/isapi/api/v1/departments")}
        managers = await expected.managers(source)
        assert {dept: departments[dept]["manager_emplid"] for dept in managers} == managers
        with capsys.disabled():
            print(f"{len(people)} people, {len(working)} working, {len(left)} leavers, {len(managers)} managers")
    finally:
        await source.close()
