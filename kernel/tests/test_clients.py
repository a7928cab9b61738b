"""Clients and the recognition of their keys, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network

import pytest
import structlog

from serai.errors import SeraiError, Unauthenticated
from serai.identity import api_keys, clients
from serai.identity.authenticator import Authenticator
from serai.identity.keys import digest, make_key
from serai.identity.profiles import ClientRefused


@pytest.fixture
async def authenticators(identity_database):
    """Two processes' authenticators, both listening."""
    pair = [Authenticator(identity_database, structlog.get_logger()) for _ in range(2)]
    for authenticator in pair:
        await authenticator.start()
    await identity_database.listening()
    yield pair
    for authenticator in pair:
        await authenticator.stop()


async def ask(authenticator, key, address="192.0.2.1"):
    """What a request with this key meets."""
    authorization = f"Bearer {key}"
    known = authenticator.recognise(authorization) or await authenticator.look_up(authorization)
    return authenticator.admit(known, ip_address(address) if known.networks else None)


async def refusal(authenticator, key, address="192.0.2.1"):
    with pytest.raises(Unauthenticated) as caught:
        await ask(authenticator, key, address)
    return str(caught.value), caught.value.headers


async def test_a_new_client_is_recognised_with_its_scopes(identity_database, authenticators):
    client, key = await clients.add(
        identity_database, name="hr-portal", owner="people team", scopes=["isapi:read", "isapi:read", "outage:write"]
    )
    assert client.scopes == ("isapi:read", "outage:write")
    who = await ask(authenticators[0], key)
    assert (who.kind, who.id, who.name) == ("client", client.id, "hr-portal")
    assert who.may("isapi:read")
    assert not who.may("isapi:operate")
    assert authenticators[0].recognise(f"Bearer {key}")


async def test_the_key_itself_is_stored_nowhere(identity_database):
    _, key = await clients.add(identity_database, name="hr-portal", owner="people team", scopes=["isapi:read"])
    async with identity_database.raw() as connection:
        rows = await connection.fetch("select c::text || k::text from serai.client c, serai.api_key k")
        assert await connection.fetchval("select digest from serai.api_key") == digest(key)
    assert key not in str(rows)
    assert key not in repr(await clients.list_clients(identity_database))


async def test_what_is_not_a_bearer_key_is_refused_alike(identity_database, authenticators):
    _, key = await clients.add(identity_database, name="a1", owner="x", scopes=[])
    answers = {await refused_header(authenticators[0], h) for h in (f"Basic {key}", key, "Bearer", "Bearer srk_1", "")}
    assert len(answers) == 1
    assert await authenticators[0].look_up(f"bearer  {key}")


async def refused_header(authenticator, authorization):
    with pytest.raises(Unauthenticated) as caught:
        await authenticator.look_up(authorization)
    return str(caught.value)


async def test_a_revoked_key_is_refused_by_all_processes_at_once(identity_database, authenticators, eventually):
    client, key = await clients.add(identity_database, name="hr-portal", owner="people team", scopes=["isapi:read"])
    for each in authenticators:
        await ask(each, key)
    revoked = await clients.revoke(identity_database, "hr-portal")
    assert revoked.id == client.id
    assert revoked.revoked_at is not None
    await eventually(lambda: not any(each.recognise(f"Bearer {key}") for each in authenticators))
    for each in authenticators:
        assert await refusal(each, key) == await refusal(each, make_key())


async def test_after_a_lost_listening_connection_nothing_known_is_trusted(identity_database, authenticators):
    _, key = await clients.add(identity_database, name="hr-portal", owner="people team", scopes=["isapi:read"])
    await ask(authenticators[1], key)
    identity_database.reconnected()
    assert authenticators[1].recognise(f"Bearer {key}") is None


async def test_what_was_read_before_a_change_does_not_outlive_it(identity_database, authenticators, eventually):
    _, key = await clients.add(identity_database, name="hr-portal", owner="people team", scopes=["isapi:read"])
    authenticator = authenticators[1]
    async with identity_database.pool.acquire() as lock, lock.transaction():
        await lock.execute("lock table serai.client in access exclusive mode")
        reading = asyncio.create_task(authenticator.look_up(f"Bearer {key}"))
        await eventually(lambda: lock.fetchval("select exists (select from pg_locks where not granted)"))
        identity_database.reconnected()
    await reading
    assert authenticator.recognise(f"Bearer {key}") is None


async def test_an_expired_key_is_refused_from_memory_too(identity_database, authenticators, monkeypatch):
    soon = datetime.now(UTC) + timedelta(hours=1)
    _, key = await clients.add(identity_database, name="contractor", owner="x", scopes=[], expires_at=soon)
    await ask(authenticators[0], key)
    monkeypatch.setattr("serai.identity.authenticator.time", lambda: soon.timestamp())
    assert authenticators[0].recognise(f"Bearer {key}")
    assert await refusal(authenticators[0], key) == await refusal(authenticators[0], make_key())


async def test_a_key_bound_to_networks_is_refused_from_elsewhere(identity_database, authenticators):
    _, key = await clients.add(
        identity_database,
        name="rack-7",
        owner="x",
        scopes=[],
        networks=[ip_network("10.7.0.0/16"), ip_network("2001:db8::/32")],
    )
    for address in ("10.7.3.4", "2001:db8::5"):
        assert (await ask(authenticators[0], key, address)).name == "rack-7"
    assert await refusal(authenticators[0], key, "10.8.0.1") == await refusal(authenticators[0], make_key())
    known = authenticators[0].recognise(f"Bearer {key}")
    with pytest.raises(Unauthenticated):
        authenticators[0].admit(known, None)


async def test_last_use_is_written_once_a_minute_and_at_the_end(identity_database, authenticators):
    async def last_use():
        return (await clients.list_clients(identity_database))[0].last_used_at

    _, key = await clients.add(identity_database, name="hr-portal", owner="people team", scopes=[])
    await authenticators[0].write_last_use()
    assert await last_use() is None
    await ask(authenticators[0], key)
    await authenticators[0].write_last_use()
    first = await last_use()
    assert datetime.now(UTC) - first < timedelta(minutes=1)
    await ask(authenticators[0], key)
    await authenticators[0].stop()
    assert await last_use() == first
    async with identity_database.raw() as connection:
        await connection.execute("update serai.api_key set last_used_at = last_used_at - interval '5 minutes'")
    await ask(authenticators[1], key)
    await authenticators[1].stop()
    assert await last_use() > first - timedelta(minutes=1)


async def test_last_use_that_could_not_be_written_is_written_later(identity_database, authenticators):
    _, key = await clients.add(identity_database, name="hr-portal", owner="people team", scopes=[])
    await ask(authenticators[0], key)
    async with identity_database.raw() as connection:
        await connection.execute("alter table serai.api_key rename to away")
        with structlog.testing.capture_logs() as logs:
            await authenticators[0].write_last_use()
        assert logs[0]["event"] == "the last use of keys could not be written"
        await connection.execute("alter table serai.away rename to api_key")
    await authenticators[0].write_last_use()
    assert (await clients.list_clients(identity_database))[0].last_used_at is not None


async def test_a_name_belongs_to_one_client_until_it_is_revoked(identity_database):
    first, _ = await clients.add(identity_database, name="hr-portal", owner="people team", scopes=[])
    with pytest.raises(SeraiError, match="There is a client named hr-portal already"):
        await clients.add(identity_database, name="hr-portal", owner="others", scopes=[])
    await clients.revoke(identity_database, first.id)
    second, _ = await clients.add(identity_database, name="hr-portal", owner="others", scopes=[])
    listed = await clients.list_clients(identity_database)
    assert [(each.id, each.revoked_at is None) for each in listed] == [(first.id, False), (second.id, True)]


async def test_every_mistake_in_a_client_is_named_at_once(identity_database):
    with pytest.raises(ClientRefused) as caught:
        await clients.add(
            identity_database,
            permissions={"isapi:read"},
            name="a/b",
            owner=" ",
            scopes=["isapi:raed"],
            person="no emplid",
            purpose="two\nlines",
            fields=["phone"],
            daily_quota=0,
            rate=float("nan"),
            burst=0,
            networks=["10.0.0.0/99"],
            expires_at=datetime.now(UTC) - timedelta(days=1),
        )
    assert [mistake.dotted for mistake in caught.value.mistakes] == [
        "name",
        "owner",
        "scopes[0]",
        "person",
        "purpose",
        "fields[0]",
        "daily_quota",
        "rate",
        "burst",
        "networks[0]",
        "expires_at",
    ]
    assert "perhaps isapi:read, found 'isapi:raed'" in caught.value.sentence
    for name in ("", " x", "cl_1", "a\nb", "a" * 64):
        with pytest.raises(ClientRefused, match="name: expected"):
            await clients.add(identity_database, name=name, owner="x", scopes=[])
    assert await clients.list_clients(identity_database) == []


async def test_who_is_not_there_cannot_be_changed(identity_database):
    with pytest.raises(clients.NoSuchClient, match="No client has the name or id 'nobody'"):
        await clients.revoke(identity_database, "nobody")
    with pytest.raises(SeraiError, match="The key given for the client demo is damaged"):
        await clients.ensure_client(identity_database, name="demo", owner="x", key="srk_oops", scopes=[])
    client, _ = await clients.add(identity_database, name="gone", owner="x", scopes=[])
    await clients.revoke(identity_database, "gone")
    for change in (clients.resume, clients.revoke):
        with pytest.raises(clients.NotForRevoked):
            await change(identity_database, client.id)


async def test_what_a_client_may_is_changed_everywhere_at_once(identity_database, authenticators, eventually):
    _, key = await clients.add(identity_database, name="portal", owner="hr", scopes=["isapi:read"])
    who = await ask(authenticators[1], key)
    assert (who.fields, who.person, who.allowance) == (None, None, None)
    changed = await clients.edit(
        identity_database,
        "portal",
        {"fields": ["isapi.mobile_phone"], "person": "00012345", "purpose": "payroll", "daily_quota": 9, "rate": 2.5},
    )
    assert (changed.version, changed.profile.owner, changed.scopes) == (2, "hr", ("isapi:read",))
    await eventually(lambda: authenticators[1].recognise(f"Bearer {key}") is None)
    who = await ask(authenticators[1], key)
    assert (who.fields, who.person, who.purpose) == ({"isapi.mobile_phone"}, "00012345", "payroll")
    assert (who.allowance.rate, who.allowance.burst, who.allowance.daily) == (2.5, None, 9)
    none = await clients.edit(identity_database, "portal", {"fields": [], "daily_quota": None, "rate": None})
    assert (none.profile.fields, (await clients.find(identity_database, none.id)).profile) == ((), none.profile)


async def test_an_old_scope_or_expiry_is_no_mistake_of_another_change(identity_database):
    soon = datetime.now(UTC) + timedelta(hours=1)
    await clients.add(identity_database, name="old", owner="x", scopes=["gone:read"], expires_at=soon)
    async with identity_database.raw() as connection:
        await connection.execute("update serai.client set expires_at = now()")
    await clients.edit(identity_database, "old", {"owner": "y"}, permissions={"isapi:read"})
    with pytest.raises(ClientRefused, match=r"scopes\[0\]"):
        await clients.edit(identity_database, "old", {"scopes": ["gone:read"]}, permissions={"isapi:read"})


async def test_a_suspended_client_is_refused_everywhere_until_it_is_resumed(
    identity_database, authenticators, eventually
):
    _, key = await clients.add(identity_database, name="portal", owner="hr", scopes=[])
    for each in authenticators:
        await ask(each, key)
    suspended = await clients.suspend(identity_database, "portal", by="ada", reason="it reads too much")
    assert (suspended.suspended_by, suspended.suspended_reason) == ("ada", "it reads too much")
    await eventually(lambda: not any(each.recognise(f"Bearer {key}") for each in authenticators))
    assert await refusal(authenticators[0], key) == await refusal(authenticators[1], make_key())
    assert (await clients.resume(identity_database, "portal")).suspended_at is None
    assert (await ask(authenticators[0], key)).name == "portal"


async def test_two_keys_live_while_a_client_moves_to_the_next(identity_database, authenticators, monkeypatch):
    client, first = await clients.add(identity_database, name="portal", owner="hr", scopes=[])
    _, second = await clients.rotate(identity_database, "portal", overlap=7 * 86_400)
    for key in (first, second):
        assert (await ask(authenticators[0], key)).id == client.id
    keys = await api_keys.list_keys(identity_database, client.id)
    assert [(key.beginning, key.live, key.expires_at is None) for key in keys] == [
        (second[:8], True, True),
        (first[:8], True, False),
    ]
    with pytest.raises(api_keys.TwoKeysLive, match=first[:8]):
        await clients.rotate(identity_database, "portal", overlap=60)
    ends = keys[1].expires_at
    monkeypatch.setattr("serai.identity.authenticator.time", lambda: ends.timestamp())
    await refusal(authenticators[0], first)
    await ask(authenticators[0], second)


async def test_a_leaked_key_ends_at_once_by_a_rotation_without_overlap(identity_database, authenticators, eventually):
    client, first = await clients.add(identity_database, name="portal", owner="hr", scopes=[])
    _, second = await clients.rotate(identity_database, "portal", overlap=60)
    _, third = await clients.rotate(identity_database, "portal", overlap=0)
    await eventually(lambda: authenticators[0].recognise(f"Bearer {first}") is None)
    for key in (first, second):
        await refusal(authenticators[0], key)
    assert (await ask(authenticators[0], third)).id == client.id


async def test_the_demo_client_is_made_and_kept_as_it_shall_be(identity_database, authenticators, eventually):
    key, newer = make_key(), make_key()
    demo = {"name": "demo", "owner": "the demo"}
    first = await clients.ensure_client(identity_database, **demo, key=key, scopes=["isapi:read"])
    again = await clients.ensure_client(identity_database, **demo, key=key, scopes=["isapi:read", "smsdb:read"])
    assert (again.id, again.scopes) == (first.id, ("isapi:read", "smsdb:read"))
    assert (await ask(authenticators[0], key)).scopes == {"isapi:read", "smsdb:read"}
    await clients.ensure_client(identity_database, **demo, key=newer, scopes=[])
    await eventually(lambda: not any(each.recognise(f"Bearer {key}") for each in authenticators))
    assert (await ask(authenticators[0], newer)).id == first.id
    await refusal(authenticators[0], key)


async def test_a_key_is_known_for_a_minute_at_the_most(identity_database, eventually, monkeypatch):
    monkeypatch.setattr("serai.identity.authenticator.PERIOD", 0.02)
    authenticator = Authenticator(identity_database, structlog.get_logger())
    await authenticator.start()
    _, key = await clients.add(identity_database, name="hr-portal", owner="people team", scopes=[])
    await ask(authenticator, key)
    await eventually(lambda: authenticator.recognise(f"Bearer {key}") is None)
    await authenticator.stop()
