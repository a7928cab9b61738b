"""The log of who was shown whose personal data."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import structlog
from aiohttp import web
from small_kernel import kernel_routes

from serai.context import Principal
from serai.identity import clients, disclosed, disclosures
from serai.identity.disclosed import Asked
from serai.identity.disclosures import Disclosures, NotNoted
from serai.web.disclosing import purpose_of
from serai.web.keys import PRINCIPAL
from serai.web.route_table import Access

PAYROLL = Principal(kind="client", id="cl_1", name="payroll", purpose="pays salaries")
ADA = Principal(kind="client", id="cl_2", name="ada", person="00000007")
ROUTE = "/isapi/api/v1/employees/{emplid}"


def kept_by(database, **settings):
    return Disclosures(database, structlog.get_logger(), **{"kept_months": 12, **settings})


async def partitions(database):
    async with database.raw() as connection:
        rows = await connection.fetch(
            "select inhrelid::regclass::text as name from pg_inherits where inhparent = 'serai.disclosure'::regclass"
        )
    return sorted(row["name"].removeprefix("serai.") for row in rows)


async def test_what_was_noted_is_written_in_a_second_and_all_at_the_stop(kernel_database, eventually):
    log = kept_by(kernel_database)
    await log.start()
    log.note(PAYROLL, ROUTE, ["00000001"], ["isapi.mobile_phone"], "the May run")
    await eventually(lambda: disclosed.read(kernel_database, Asked(), limit=1))
    log.note(ADA, ROUTE, ["00000001", "00000002"], ["isapi.home_phone"])
    await log.stop()
    found = await disclosed.read(kernel_database, Asked(), limit=10)
    assert [(one.client, one.person, one.subjects, one.fields, one.purpose) for one in found] == [
        ("ada", "00000007", ["00000001", "00000002"], ["isapi.home_phone"], ""),
        ("payroll", None, ["00000001"], ["isapi.mobile_phone"], "pays salaries: the May run"),
    ]
    assert [one.client for one in await disclosed.read(kernel_database, Asked(subject="00000002"), limit=9)] == ["ada"]
    assert [one.client for one in await disclosed.read(kernel_database, Asked(client_id="cl_1"), limit=9)] == [
        "payroll"
    ]
    assert await disclosed.read(kernel_database, Asked(since=found[0].noted_at + timedelta(seconds=1)), limit=9) == []


async def test_months_are_made_ahead_and_dropped_when_they_are_no_longer_kept(kernel_database):
    now = datetime(2026, 12, 31, 23, 59, tzinfo=UTC)
    log = kept_by(kernel_database, kept_months=2, clock=lambda: now)
    await log.start()
    assert await partitions(kernel_database) == ["disclosure_2026_12", "disclosure_2027_01"]
    log.note(ADA, ROUTE, ["00000001"], ["isapi.mobile_phone"])
    await log.flush()
    now = datetime(2027, 3, 1, tzinfo=UTC)
    log.note(ADA, ROUTE, ["00000002"], ["isapi.mobile_phone"])  # the upkeep has not run: its month is made when written
    await log.flush()
    assert len(await disclosed.read(kernel_database, Asked(), limit=9)) == 2
    await log.keep_partitions()
    assert await partitions(kernel_database) == ["disclosure_2027_01", "disclosure_2027_03", "disclosure_2027_04"]
    assert [one.subjects for one in await disclosed.read(kernel_database, Asked(), limit=9)] == [["00000002"]]
    await log.stop()


async def test_what_cannot_be_noted_is_refused_and_what_waits_is_written_later(kernel_database, monkeypatch):
    monkeypatch.setattr(disclosures, "MOST_WAITING", 1)
    log = kept_by(kernel_database)
    await log.start()
    async with kernel_database.raw() as connection:
        await connection.execute("alter table serai.disclosure rename to away")
        log.note(ADA, ROUTE, ["00000001"], ["isapi.mobile_phone"])
        with pytest.raises(Exception, match="disclosure"):
            await log.flush()
        with pytest.raises(NotNoted):
            log.note(ADA, ROUTE, ["00000002"], ["isapi.mobile_phone"])
        await connection.execute("alter table serai.away rename to disclosure")
    await log.stop()
    assert [one.subjects for one in await disclosed.read(kernel_database, Asked(), limit=9)] == [["00000001"]]


@pytest.fixture
async def kernel(kernel_database, small_kernel):
    log = kept_by(kernel_database)
    await log.start()

    async def show(request: web.Request) -> web.Response:
        subject = request.match_info["emplid"]
        log.note(request[PRINCIPAL], "/emp/people/{emplid}", [subject], ["emp.phone"], purpose_of(request))
        return web.Response(text="13800138000")

    def attach(root: web.Application):
        return kernel_routes(kernel_database)(root)

    kernel = await small_kernel(database=kernel_database, attach=attach)
    await kernel.publish("emp", {"/people/{emplid}": show}, access={show: Access()})
    yield kernel
    await log.stop()


async def test_a_colleague_learns_who_saw_their_number(kernel, kernel_database, eventually):
    _, key = await clients.add(kernel_database, name="payroll", owner="hr", scopes=[], purpose="pays salaries")
    _, officer = await clients.add(kernel_database, name="dpo", owner="legal", scopes=["kernel:disclosures"])
    for number in range(3):
        headers = {"Authorization": f"Bearer {key}", "X-Purpose": f"run {number}"}
        async with kernel.client.get(f"/emp/people/0000000{number % 2}", headers=headers) as response:
            assert response.status == 200
    await eventually(lambda: _count(kernel_database, 3))
    headers = {"Authorization": f"Bearer {officer}"}
    async with kernel.client.get("/-/api/v1/disclosures?subject=00000000&limit=1", headers=headers) as response:
        first = await response.json()
        following = response.links["next"]["url"]
    async with kernel.client.get(following.relative(), headers=headers) as response:
        second = await response.json()
    assert second["next_cursor"] is None
    seen = [*first["items"], *second["items"]]
    assert [(one["client"], one["route"], one["purpose"]) for one in seen] == [
        ("payroll", "/emp/people/{emplid}", "pays salaries: run 2"),
        ("payroll", "/emp/people/{emplid}", "pays salaries: run 0"),
    ]
    for since, expected in (("0001-01-01T00:00:00%2B14:00", 3), ("9999-12-31T23:59:59-12:00", 0)):
        async with kernel.client.get(f"/-/api/v1/disclosures?since={since}", headers=headers) as response:
            assert (response.status, len((await response.json())["items"])) == (200, expected)
    async with kernel.client.get("/-/api/v1/disclosures?client=nobody", headers=headers) as response:
        assert (response.status, (await response.json())["type"]) == (404, "/-/problems/client-not-found")
    async with kernel.client.get("/-/api/v1/disclosures", headers={"Authorization": f"Bearer {key}"}) as response:
        assert response.status == 403


async def test_a_purpose_that_cannot_be_kept_shows_nothing(kernel, kernel_database):
    _, key = await clients.add(kernel_database, name="payroll", owner="hr", scopes=[])
    for purpose in ("x" * 201, "a\u200eb"):
        headers = {"Authorization": f"Bearer {key}", "X-Purpose": purpose}
        async with kernel.client.get("/emp/people/00000001", headers=headers) as response:
            assert response.status == 400
            assert (await response.json())["errors"][0]["pointer"] == "/headers/X-Purpose"


async def _count(database, number):
    return len(await disclosed.read(database, Asked(), limit=9)) == number
