"""How many requests a day a client may send, counted together by all processes."""

from __future__ import annotations

from datetime import datetime

import pytest
import structlog

from serai.identity import clients
from serai.identity.quotas import COMPANY_ZONE, Quotas, QuotaSpent, used_today

NOON = datetime(2026, 5, 1, 12, tzinfo=COMPANY_ZONE).timestamp()


class Clock:
    now = NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def portal(identity_database):
    client, _ = await clients.add(identity_database, name="portal", owner="hr", scopes=[], daily_quota=3)
    return client.id


def process(database, clock):
    return Quotas(database, structlog.get_logger(), clock=clock)


async def test_a_quota_is_spent_until_the_companys_midnight(identity_database, portal):
    clock = Clock()
    quotas = process(identity_database, clock)
    for _ in range(3):
        quotas.take(portal, 3)
    with pytest.raises(QuotaSpent) as caught:
        quotas.take(portal, 3)
    assert caught.value.headers == {"Retry-After": str(12 * 3600)}
    clock.now += 12 * 3600 - 0.5
    with pytest.raises(QuotaSpent) as caught:
        quotas.take(portal, 3)
    assert caught.value.headers == {"Retry-After": "1"}
    clock.now += 1
    quotas.take(portal, 3)
    await quotas.exchange()
    async with identity_database.raw() as connection:
        rows = await connection.fetch("select day::text, requests from serai.client_use order by day")
    assert [tuple(row) for row in rows] == [("2026-05-01", 3), ("2026-05-02", 1)]


async def test_processes_count_together_and_a_new_one_knows_what_was_spent(identity_database, portal):
    clock = Clock()
    first, second = process(identity_database, clock), process(identity_database, clock)
    first.take(portal, 3)
    second.take(portal, 3)
    second.take(portal, 3)
    await first.exchange()
    await second.exchange()
    with pytest.raises(QuotaSpent):
        second.take(portal, 3)
    third = process(identity_database, clock)
    await third.start()
    with pytest.raises(QuotaSpent):
        third.take(portal, 3)
    await third.stop()


async def test_what_could_not_be_saved_is_saved_later(identity_database, portal):
    quotas = Quotas(identity_database, structlog.get_logger())
    quotas.take(portal, 3)
    async with identity_database.raw() as connection:
        await connection.execute("alter table serai.client_use rename to away")
        with structlog.testing.capture_logs() as logs:
            await quotas.exchange()
        assert logs[0]["event"] == "the requests of clients with a quota could not be saved"
        await connection.execute("alter table serai.away rename to client_use")
    quotas.take(portal, 3)
    await quotas.stop()
    assert await used_today(identity_database, portal) == 2
