"""Clients: the systems that call us, each with an owner, scopes and an API key.

Every change is told to all processes (`NOTIFY "serai.clients"`), in the transaction that makes it.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from difflib import get_close_matches

import asyncpg
import attrs

from serai.context import Database
from serai.errors import SeraiError
from serai.identity.addresses import Network
from serai.identity.keys import base62, digest, is_key, make_key

CHANNEL = "clients"
_ID_PREFIX = "cl_"
_NAME = re.compile(r"(?!cl_)[A-Za-z0-9][A-Za-z0-9_.@ -]{0,62}", re.ASCII)

_INSERT_CLIENT = "insert into serai.client (id, name, owner, scopes, networks) values ($1, $2, $3, $4, $5)"
_INSERT_KEY = "insert into serai.api_key (client_id, digest, expires_at) values ($1, $2, $3)"
_REVOKE = """
    update serai.client set revoked_at = now() where revoked_at is null and (id = $1 or name = $1) returning id
"""
_SELECT = """
    select c.id, c.name, c.owner, c.scopes, c.networks, c.created_at, c.revoked_at,
           max(k.expires_at) as expires_at, max(k.last_used_at) as last_used_at
    from serai.client c left join serai.api_key k on k.client_id = c.id
    {where} group by c.id order by c.name, c.created_at
"""


@attrs.frozen(kw_only=True)
class Client:
    """A system that calls us. Times are UTC."""

    id: str
    name: str
    owner: str
    """Who answers for it: a person or a team."""
    scopes: tuple[str, ...] = attrs.field(converter=tuple)
    """The permissions that it holds."""
    networks: tuple[Network, ...] = attrs.field(converter=tuple)
    """Where from it may ask; empty: from anywhere."""
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    """To the minute."""


async def add(
    database: Database,
    *,
    name: str,
    owner: str,
    scopes: Collection[str],
    expires_at: datetime | None = None,
    networks: Sequence[Network] = (),
) -> tuple[Client, str]:
    """Make a client and its key; the key is seen only now. Raises `SeraiError` where that name is taken or unfit.

    The caller checks the scopes with `require_known`: what permissions exist, plugins say.
    """
    if not _NAME.fullmatch(name):
        raise SeraiError(
            f"{name!r} cannot be a client's name",
            hint="1 to 63 letters, digits, blanks and . _ - @, a letter or digit first, not cl_ at the start",
        )
    if expires_at is not None and expires_at <= datetime.now(UTC):
        raise SeraiError(f"A key for {name} that expired at {expires_at.isoformat()} would be of no use")
    key = make_key()
    async with database.raw() as connection, connection.transaction():
        client_id = await _insert(connection, name, owner, scopes, networks)
        await connection.execute(_INSERT_KEY, client_id, digest(key), expires_at)
        await database.notify(CHANNEL, client_id, connection=connection)
        return await _get(connection, client_id), key


async def list_clients(database: Database) -> list[Client]:
    """All clients by name, the revoked ones too."""
    async with database.raw() as connection:
        return [Client(**row) for row in await connection.fetch(_SELECT.format(where=""))]


async def revoke(database: Database, name_or_id: str) -> Client:
    """Revoke a client for good: its key is refused everywhere within a second. Raises `SeraiError` if there is none."""
    async with database.raw() as connection, connection.transaction():
        client_id = await connection.fetchval(_REVOKE, name_or_id)
        if client_id is None:
            raise SeraiError(f"No client that could be revoked has the name or id {name_or_id!r}")
        await database.notify(CHANNEL, client_id, connection=connection)
        return await _get(connection, client_id)


async def ensure_client(database: Database, *, name: str, owner: str, key: str, scopes: Collection[str]) -> Client:
    """See to it that the client of that name exists with exactly this key and these scopes (the demo's own client)."""
    if not is_key(key):
        raise SeraiError(f"The key given for the client {name} is damaged", hint="let a new one be made")
    async with database.raw() as connection, connection.transaction():
        client_id = await connection.fetchval(
            "select id from serai.client where name = $1 and revoked_at is null for update", name
        )
        if client_id is None:
            client_id = await _insert(connection, name, owner, scopes, ())
        else:
            await connection.execute(
                "update serai.client set scopes = $2 where id = $1", client_id, sorted(set(scopes))
            )
            await connection.execute(
                "delete from serai.api_key where client_id = $1 and digest <> $2", client_id, digest(key)
            )
        await connection.execute(_INSERT_KEY + " on conflict (digest) do nothing", client_id, digest(key), None)
        await database.notify(CHANNEL, client_id, connection=connection)
        return await _get(connection, client_id)


def require_known(scopes: Collection[str], permissions: Collection[str]) -> None:
    """Raise `SeraiError` if a scope is not one of the permissions that the plugins declare."""
    for scope in sorted(set(scopes) - set(permissions)):
        near = get_close_matches(scope, permissions, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(sorted(permissions)) or 'none'}"
        raise SeraiError(f"No plugin knows the permission {scope!r}", hint=hint)


async def _insert(
    connection: asyncpg.Connection, name: str, owner: str, scopes: Collection[str], networks: Sequence[Network]
) -> str:
    client_id = _ID_PREFIX + base62(secrets.randbits(95), 16)
    try:
        await connection.execute(_INSERT_CLIENT, client_id, name, owner, sorted(set(scopes)), list(networks))
    except asyncpg.UniqueViolationError:
        raise SeraiError(f"There is a client named {name} already", hint="revoke it first or take another") from None
    return client_id


async def _get(connection: asyncpg.Connection, client_id: str) -> Client:
    return Client(**await connection.fetchrow(_SELECT.format(where="where c.id = $1"), client_id))
