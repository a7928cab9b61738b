"""The webhooks of clients: made, shown, switched, given new secrets, forgotten."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import attrs
from sqlalchemy import Select, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from serai.context import Database
from serai.errors import NotFound
from serai.identity.audit import AuditLog
from serai.identity.tables import client
from serai.webhooks.signing import make_secret
from serai.webhooks.tables import webhook

OVERLAP = timedelta(days=1)
"""How long an old secret signs beside the new one."""


@attrs.frozen(kw_only=True)
class Webhook:
    """Where a client wants to be told of what happens. `reason` says why it is disabled."""

    id: str
    client: str
    """The client's name."""
    url: str
    topics: tuple[str, ...] = attrs.field(converter=tuple)
    enabled: bool
    reason: str
    switched_at: datetime
    switched_by: str
    created_at: datetime
    failing_since: datetime | None
    """Since then nothing was delivered; None while deliveries succeed."""
    position: int
    """Events up to this number are dealt with."""


_SELECT: Select[Any] = select(
    client.c.name.label("client"),
    *(webhook.c[field.name] for field in attrs.fields(Webhook) if field.name != "client"),
).join_from(webhook, client)


async def add(
    database: Database, *, client_id: str, url: str, topics: Sequence[str], who: str, position: int
) -> tuple[Webhook, str]:
    """Make a webhook that is told of what comes after `position`; the secret is seen only now."""
    secret = make_secret()
    webhook_id = f"wh_{secrets.token_hex(8)}"
    made = insert(webhook).values(
        id=webhook_id,
        client_id=client_id,
        url=url,
        topics=sorted(set(topics)),
        secret=secret,
        switched_by=who,
        position=position,
    )
    async with database.begin() as connection:
        await connection.execute(made)
        return await _get(connection, webhook_id, None), secret


async def list_webhooks(database: Database, client_id: str | None = None) -> list[Webhook]:
    """All webhooks, or one client's, oldest first."""
    query = _SELECT.order_by(webhook.c.created_at, webhook.c.id)
    if client_id is not None:
        query = query.where(webhook.c.client_id == client_id)
    async with database.connect() as connection:
        return [Webhook(**row) for row in (await connection.execute(query)).mappings()]


async def get(database: Database, webhook_id: str, client_id: str | None = None) -> Webhook:
    """One webhook, of that client where one is given. Raises `NotFound`."""
    async with database.connect() as connection:
        return await _get(connection, webhook_id, client_id)


async def rotate(database: Database, webhook_id: str, client_id: str) -> str:
    """Give the webhook a new secret, seen only now; the one before signs too for a day. Raises `NotFound`."""
    secret = make_secret()
    new = (
        update(webhook)
        .where(webhook.c.id == webhook_id, webhook.c.client_id == client_id)
        .values(secret=secret, old_secret=webhook.c.secret, old_secret_until=func.now() + OVERLAP)
        .returning(webhook.c.id)
    )
    async with database.begin() as connection:
        if await connection.scalar(new) is None:
            raise missing(webhook_id)
    return secret


async def disable(database: Database, webhook_id: str, *, who: str, reason: str) -> None:
    """Deliver nothing more until it is enabled again; what happens meanwhile waits. Raises `NotFound`."""
    off = (
        update(webhook)
        .where(webhook.c.id == webhook_id)
        .values(enabled=False, reason=reason, switched_at=func.now(), switched_by=who)
        .returning(webhook.c.id)
    )
    async with database.begin() as connection:
        if await connection.scalar(off) is None:
            raise missing(webhook_id)
        await AuditLog(database, "kernel").write(
            "webhook.disable", subject=webhook_id, reason=reason, connection=connection
        )


async def remove(database: Database, webhook_id: str, client_id: str) -> None:
    """Forget the webhook with its deliveries. Raises `NotFound`."""
    gone = delete(webhook).where(webhook.c.id == webhook_id, webhook.c.client_id == client_id).returning(webhook.c.id)
    async with database.begin() as connection:
        if await connection.scalar(gone) is None:
            raise missing(webhook_id)


def missing(webhook_id: str) -> NotFound:
    """There is no such webhook, or it is another client's."""
    return NotFound(f"There is no webhook {webhook_id}")


async def _get(connection: AsyncConnection, webhook_id: str, client_id: str | None) -> Webhook:
    query = _SELECT.where(webhook.c.id == webhook_id)
    if client_id is not None:
        query = query.where(webhook.c.client_id == client_id)
    row = (await connection.execute(query)).mappings().first()
    if row is None:
        raise missing(webhook_id)
    return Webhook(**row)
