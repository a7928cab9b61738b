"""Clients: the systems and colleagues that call us, each with a profile and one or two API keys.

Every change is told to all processes (`NOTIFY "serai.clients"`), in the transaction that makes it.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import asyncpg
import attrs

from serai.context import Database
from serai.errors import Conflict, NotFound, SeraiError
from serai.identity import api_keys
from serai.identity.audit import AuditLog
from serai.identity.keys import base62, is_key
from serai.identity.profiles import SETTINGS, Profile, checked, evolved

CHANNEL = "clients"
_ID_PREFIX = "cl_"

_COLUMNS = (*SETTINGS, "id", "created_at", "suspended_at", "suspended_by", "suspended_reason", "revoked_at", "version")
_SELECT = f"""
    select {", ".join(f"c.{column}" for column in _COLUMNS)},
           (select max(k.last_used_at) from serai.api_key k where k.client_id = c.id) as last_used_at
    from serai.client c
"""  # noqa: S608  our own names of columns
_INSERT = f"""
    insert into serai.client (id, {", ".join(SETTINGS)})
    values ($1, {", ".join(f"${number}" for number in range(2, len(SETTINGS) + 2))})
"""  # noqa: S608
_UPDATE = f"""
    update serai.client set version = version + 1,
           {", ".join(f"{name} = ${number}" for number, name in enumerate(SETTINGS, start=2))}
    where id = $1
"""  # noqa: S608


class NoSuchClient(NotFound):
    """There is no client of that name or id."""

    slug = "client-not-found"
    title = "No such client"


class NameTaken(Conflict):
    """Another client that is not revoked has the name."""

    slug = "client-name-taken"
    title = "The name is another client's"


class NotForRevoked(Conflict):
    """The client was revoked, which is for good."""

    slug = "client-revoked"
    title = "The client is revoked"


@attrs.frozen(kw_only=True)
class Client:
    """A client as it is kept. Times are UTC."""

    id: str
    profile: Profile
    created_at: datetime
    suspended_at: datetime | None
    """Since when it is refused until somebody resumes it."""
    suspended_by: str | None
    suspended_reason: str | None
    revoked_at: datetime | None
    """Since when it is refused for good."""
    version: int
    """Counts the changes to it."""
    last_used_at: datetime | None
    """To the minute."""

    @property
    def name(self) -> str:
        return self.profile.name

    @property
    def scopes(self) -> tuple[str, ...]:
        return self.profile.scopes


async def add(database: Database, *, permissions: Collection[str] | None = None, **settings: Any) -> tuple[Client, str]:
    """Make a client with the `Profile` of these settings, and its key, which is seen only now.

    `permissions` are all that plugins declare. Raises `ClientRefused` with every mistake, and `NameTaken`.
    """
    profile = checked(Profile(**settings), permissions=permissions)
    async with database.raw() as connection, connection.transaction():
        client_id = await insert(connection, profile)
        key = await api_keys.make(connection, client_id)
        await database.notify(CHANNEL, client_id, connection=connection)
        client = await _get(connection, client_id)
        await _audit(database, connection, "add", None, client)
        return client, key


async def list_clients(database: Database) -> list[Client]:
    """All clients by name, the revoked ones too."""
    async with database.raw() as connection:
        return [_client(row) for row in await connection.fetch(_SELECT + " order by c.name, c.created_at")]


async def find(database: Database, name_or_id: str) -> Client:
    """The client of that name, or of that id also where it is revoked. Raises `NoSuchClient`."""
    async with database.raw() as connection:
        return await _find(connection, name_or_id)


async def edit(
    database: Database,
    name_or_id: str,
    changes: Mapping[str, Any],
    *,
    permissions: Collection[str] | None = None,
    agree: Callable[[Client], None] = lambda client: None,
) -> Client:
    """Change settings of a client's `Profile`. `agree` sees it as it is, locked, and raises where that is not expected.

    Raises `ClientRefused`, `NoSuchClient`, `NotForRevoked`, `NameTaken`.
    """
    async with _changing(database, name_or_id, "edit") as (connection, client):
        agree(client)
        profile = checked(evolved(client.profile, changes), permissions=permissions, changed=changes)
        try:
            await connection.execute(_UPDATE, client.id, *_values(profile))
        except asyncpg.UniqueViolationError:
            raise _taken(profile.name) from None
        return await _get(connection, client.id)


async def suspend(database: Database, name_or_id: str, *, by: str, reason: str) -> Client:
    """Refuse a client everywhere, within a second, until it is resumed."""
    async with _changing(database, name_or_id, "suspend") as (connection, client):
        await connection.execute(
            "update serai.client set suspended_at = coalesce(suspended_at, now()), suspended_by = $2,"
            " suspended_reason = $3, version = version + 1 where id = $1",
            client.id,
            by,
            reason,
        )
        return await _get(connection, client.id)


async def resume(database: Database, name_or_id: str) -> Client:
    """Serve a suspended client again."""
    async with _changing(database, name_or_id, "resume") as (connection, client):
        await connection.execute(
            "update serai.client set suspended_at = null, suspended_by = null, suspended_reason = null,"
            " version = version + 1 where id = $1",
            client.id,
        )
        return await _get(connection, client.id)


async def revoke(database: Database, name_or_id: str) -> Client:
    """Revoke a client for good: its keys are refused everywhere within a second."""
    async with _changing(database, name_or_id, "revoke") as (connection, client):
        await connection.execute(
            "update serai.client set revoked_at = now(), version = version + 1 where id = $1", client.id
        )
        return await _get(connection, client.id)


async def rotate(database: Database, name_or_id: str, *, overlap: float) -> tuple[Client, str]:
    """A new key, seen only now; the one before it ends after `overlap` seconds. Raises also `TwoKeysLive`."""
    async with _changing(database, name_or_id, "rotate") as (connection, client):
        key = await api_keys.replace(connection, client.id, overlap)
        return await _get(connection, client.id), key


async def first_key(connection: asyncpg.Connection, database: Database, client_id: str) -> str:
    """The first key of a client that was made without one, in the caller's transaction."""
    key = await api_keys.make(connection, client_id)
    await database.notify(CHANNEL, client_id, connection=connection)
    return key


async def ensure_client(database: Database, *, name: str, owner: str, key: str, scopes: Collection[str]) -> Client:
    """See to it that the client of that name exists with exactly this key and these scopes (the demo's own client)."""
    if not is_key(key):
        raise SeraiError(f"The key given for the client {name} is damaged", hint="let a new one be made")
    profile = checked(Profile(name=name, owner=owner, scopes=scopes))
    async with database.raw() as connection, connection.transaction():
        client_id = await connection.fetchval(
            "select id from serai.client where name = $1 and revoked_at is null for update", name
        )
        if client_id is None:
            client_id = await insert(connection, profile)
        else:
            await connection.execute("update serai.client set scopes = $2 where id = $1", client_id, profile.scopes)
        await api_keys.keep_only(connection, client_id, key)
        await database.notify(CHANNEL, client_id, connection=connection)
        return await _get(connection, client_id)


async def insert(connection: asyncpg.Connection, profile: Profile) -> str:
    """Make a client of a checked profile, without a key, in the caller's transaction; its id."""
    client_id = _ID_PREFIX + base62(secrets.randbits(95), 16)
    try:
        async with connection.transaction():
            await connection.execute(_INSERT, client_id, *_values(profile))
    except asyncpg.UniqueViolationError:
        raise _taken(profile.name) from None
    return client_id


@asynccontextmanager
async def _changing(
    database: Database, name_or_id: str, action: str
) -> AsyncIterator[tuple[asyncpg.Connection, Client]]:
    """A transaction that holds the client; the change that is made in it is audited, and told to all processes."""
    async with database.raw() as connection, connection.transaction():
        client = await _find(connection, name_or_id, " for update of c")
        if client.revoked_at is not None:
            raise NotForRevoked(f"The client {client.name} ({client.id}) is revoked, which is for good")
        yield connection, client
        await _audit(database, connection, action, client, await _get(connection, client.id))
        await database.notify(CHANNEL, client.id, connection=connection)


async def _audit(
    database: Database, connection: asyncpg.Connection, action: str, before: Client | None, after: Client
) -> None:
    """Note what of the client was changed."""
    old, new = _audited(before), _audited(after)
    changed = [name for name in new if old.get(name) != new[name]]
    await AuditLog(database, "kernel").write(
        f"client.{action}",
        subject=after.id,
        before={name: old[name] for name in changed} if before else None,
        after={name: new[name] for name in changed},
        connection=connection,
    )


def _audited(client: Client | None) -> dict[str, Any]:
    if client is None:
        return {}
    settings = {name: getattr(client.profile, name) for name in SETTINGS}
    return settings | {"suspended": client.suspended_reason, "revoked": client.revoked_at}


async def _find(connection: asyncpg.Connection, name_or_id: str, lock: str = "") -> Client:
    where = " where c.id = $1 or (c.name = $1 and c.revoked_at is null)"
    row = await connection.fetchrow(_SELECT + where + lock, name_or_id)
    if row is None:
        raise NoSuchClient(f"No client has the name or id {name_or_id!r}", hint="`serai clients list` shows them")
    return _client(row)


async def _get(connection: asyncpg.Connection, client_id: str) -> Client:
    return _client(await connection.fetchrow(_SELECT + " where c.id = $1", client_id))


def _client(row: Mapping[str, Any]) -> Client:
    kept = dict(row)
    return Client(profile=Profile(**{name: kept.pop(name) for name in SETTINGS}), **kept)


def _values(profile: Profile) -> list[Any]:
    return [getattr(profile, name) for name in SETTINGS]


def _taken(name: str) -> NameTaken:
    return NameTaken(f"There is a client named {name} already", hint="revoke it first or take another")
