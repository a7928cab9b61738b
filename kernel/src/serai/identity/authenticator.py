"""`Authenticator`: from an `Authorization` header to a `Principal`.

A key that was seen is known for up to a minute, without a query. A change to any client is told by NOTIFY, upon which
all processes forget what they know; so they do after the listening connection was lost, and every minute in any case.
Expiry and address ranges are checked on every request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from time import time
from types import MappingProxyType
from typing import Any

import attrs

from serai.context import Allowance, Database, Principal
from serai.declarations import Log
from serai.errors import Unauthenticated
from serai.identity.addresses import Address, Network
from serai.identity.clients import CHANNEL
from serai.identity.keys import digest, is_key

CHALLENGE = MappingProxyType({"WWW-Authenticate": 'Bearer realm="serai"'})
"""Sent where a key is needed and none came (RFC 6750, 3)."""
MOST_KEYS = 10_000
"""Keys known at a time, all of them good ones; beyond them the one known longest is forgotten."""
PERIOD = 60.0
"""Seconds between two writings of last use, and the longest that a key is known."""

_SELECT = """
    select k.id as key_id, least(k.expires_at, c.expires_at) as expires_at, c.id, c.name, c.scopes, c.networks,
           c.person, c.fields, c.purpose, c.rate, c.burst, c.daily_quota
    from serai.api_key k join serai.client c on c.id = k.client_id
    where k.digest = $1 and c.revoked_at is null and c.suspended_at is null
"""
_WRITE_LAST_USE = """
    update serai.api_key set last_used_at = now()
    where id = any($1) and (last_used_at is null or last_used_at < now() - interval '1 minute')
"""


@attrs.frozen
class KnownKey:
    """A key that exists, of a client that is neither revoked nor suspended."""

    id: int
    principal: Principal
    expires_at: float | None
    """Unix time, seconds."""
    networks: tuple[Network, ...]


class Authenticator:
    """Recognises API keys. One a process; `start` and `stop` frame its life."""

    def __init__(self, database: Database, log: Log) -> None:
        self._database = database
        self._log = log
        self._known: dict[str, KnownKey] = {}
        self._generation = 0
        self._used: set[int] = set()
        self._keeping: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen to changes, and write last use once a minute."""
        self._database.listen(CHANNEL, self._forget)
        self._keeping = asyncio.create_task(self._keep(), name="identity: last use of keys")

    async def stop(self) -> None:
        """Write what is left to write."""
        if self._keeping is not None:
            self._keeping.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeping
            self._keeping = None
        await self.write_last_use()

    def recognise(self, authorization: str) -> KnownKey | None:
        """The key in this header if it is known without asking the database."""
        return self._known.get(authorization)

    async def look_up(self, authorization: str) -> KnownKey:
        """The key in this header, from the database. Raises `Unauthenticated`, the same for every reason."""
        scheme, _, key = authorization.partition(" ")
        key = key.strip()
        if scheme.lower() != "bearer" or not is_key(key):
            raise refused()
        generation = self._generation
        async with self._database.raw() as connection:
            row = await connection.fetchrow(_SELECT, digest(key))
        if row is None:
            raise refused()
        known = KnownKey(
            row["key_id"],
            principal_of(row),
            row["expires_at"].timestamp() if row["expires_at"] else None,
            tuple(row["networks"]),
        )
        # What was read before a change became known must not outlive it.
        if generation == self._generation:
            if len(self._known) >= MOST_KEYS:
                del self._known[next(iter(self._known))]
            self._known[authorization] = known
        return known

    def admit(self, key: KnownKey, address: Address | None) -> Principal:
        """Whose key it is, if it is good now and from there; `address` matters only to a key that has networks."""
        if key.expires_at is not None and time() >= key.expires_at:
            self._log.info("an expired key was refused", client=key.principal.name)
            raise refused()
        if key.networks and not any(address in network for network in key.networks if address is not None):
            self._log.info("a key was refused from this address", client=key.principal.name, address=str(address))
            raise refused()
        self._used.add(key.id)
        return key.principal

    async def write_last_use(self) -> None:
        """Write when the keys used since the last writing were last used."""
        used, self._used = self._used, set()
        if not used:
            return
        try:
            async with self._database.raw() as connection:
                await connection.execute(_WRITE_LAST_USE, list(used))
        except Exception as error:  # noqa: BLE001  a lost note about use must not end the keeping of all later ones
            self._used |= used
            self._log.warning("the last use of keys could not be written", error=str(error))

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(PERIOD)
            await self.write_last_use()
            self._forget(None)

    def _forget(self, _payload: str | None) -> None:
        self._generation += 1
        self._known.clear()


def principal_of(row: Mapping[str, Any]) -> Principal:
    """The client of a row of `serai.client`, as who asks."""
    allowance = Allowance(rate=row["rate"], burst=row["burst"], daily=row["daily_quota"])
    return Principal(
        kind="client",
        id=row["id"],
        name=row["name"],
        scopes=frozenset(row["scopes"]),
        person=row["person"],
        fields=None if row["fields"] is None else frozenset(row["fields"]),
        purpose=row["purpose"],
        allowance=None if allowance == Allowance() else allowance,
    )


def refused() -> Unauthenticated:
    """The one answer to a key that does not exist, was revoked, suspended, has expired, or comes from elsewhere."""
    return Unauthenticated(
        "The API key is not valid here and now",
        hint="ask the operator whether it was revoked, suspended, has expired or is bound to other addresses",
        headers={"WWW-Authenticate": 'Bearer realm="serai", error="invalid_token"'},
    )
