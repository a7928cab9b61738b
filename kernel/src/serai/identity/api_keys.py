"""The API keys of clients as they are kept: at most two that live, so that a client can move from one to the next."""

from __future__ import annotations

from datetime import datetime

import asyncpg
import attrs

from serai.context import Database
from serai.errors import Conflict
from serai.identity.keys import beginning, digest, make_key

MOST_LIVE = 2

_INSERT = "insert into serai.api_key (client_id, digest, beginning) values ($1, $2, $3)"
_LIVE = "client_id = $1 and (expires_at is null or expires_at > now())"
_SELECT_LIVE = f"select beginning, expires_at from serai.api_key where {_LIVE} order by id"  # noqa: S608  our own text
_END = f"""
    update serai.api_key set expires_at = least(expires_at, now() + make_interval(secs => $2)) where {_LIVE}
"""  # noqa: S608  our own condition


class TwoKeysLive(Conflict):
    """The client has two live keys already: the older has to end before a third is made."""

    slug = "two-keys-live"
    title = "The client has two live keys"


@attrs.frozen(kw_only=True)
class ApiKey:
    """A key as it is kept: never the key itself. Times are UTC."""

    beginning: str | None
    """Its first 8 characters, to tell keys apart; None of an old one."""
    created_at: datetime
    expires_at: datetime | None
    """When it ends before its client does."""
    last_used_at: datetime | None
    """To the minute."""
    live: bool
    """Not ended; whether its client is served is another question."""


async def list_keys(database: Database, client_id: str) -> list[ApiKey]:
    """A client's keys, the newest first, the ended ones too."""
    async with database.raw() as connection:
        rows = await connection.fetch(
            "select beginning, created_at, expires_at, last_used_at, coalesce(expires_at > now(), true) as live"
            " from serai.api_key where client_id = $1 order by id desc",
            client_id,
        )
    return [ApiKey(**row) for row in rows]


async def make(connection: asyncpg.Connection, client_id: str) -> str:
    """Make a key; this is the only time that it is seen."""
    key = make_key()
    await connection.execute(_INSERT, client_id, digest(key), beginning(key))
    return key


async def replace(connection: asyncpg.Connection, client_id: str, overlap: float) -> str:
    """Make a key; those before it end after `overlap` seconds, at once where that is 0.

    The caller holds the client's row. Raises `TwoKeysLive`: with 0 never.
    """
    live = await connection.fetch(_SELECT_LIVE, client_id)
    if len(live) >= MOST_LIVE and overlap > 0:
        ends = live[0]["expires_at"]
        when = f" until {ends:%Y-%m-%d %H:%M} UTC" if ends else ""
        raise TwoKeysLive(
            f"Two keys live already, the older ({live[0]['beginning'] or 'an old one'}){when}",
            hint="wait until it ends, or rotate without overlap: both end at once",
        )
    await connection.execute(_END, client_id, overlap)
    return await make(connection, client_id)


async def keep_only(connection: asyncpg.Connection, client_id: str, key: str) -> None:
    """See to it that this key, and no other, is the client's."""
    await connection.execute("delete from serai.api_key where client_id = $1 and digest <> $2", client_id, digest(key))
    await connection.execute(
        _INSERT + " on conflict (digest) do update set expires_at = null", client_id, digest(key), beginning(key)
    )
