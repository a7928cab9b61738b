"""Deliveries: events on their way to webhooks. Of each key the oldest goes first, and the next only after it.

A delivery is given a task of the queue when it is the first of its key: as it is made, when the one before it ends, or
when its webhook is enabled again. The webhook's row is locked meanwhile, so that none is forgotten.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import attrs
from msgspec import Struct

from serai.context import Database, Queue
from serai.declarations import Task
from serai.errors import Conflict, NotFound
from serai.identity.audit import AuditLog
from serai.webhooks.registry import missing

if TYPE_CHECKING:
    import asyncpg

CHANNEL = "webhooks"
"""Told when a webhook may have to be dealt with though nothing has happened in the feed."""
BATCH = 200
"""Events that are made into deliveries of one webhook at once."""
KEPT = timedelta(days=30)
"""How long finished deliveries are kept."""

_LOCK = "select topics, position, enabled from serai.webhook where id = $1 for update"
_NEWS = """
    select head.seq as head, event.seq, event.topic, event.key
    from (select coalesce(max(seq), 0) as seq from serai.feed) as head left join lateral (
        select seq, topic, key from serai.feed where seq > $1 and topic = any($2) order by seq limit $3
    ) as event on true order by event.seq
"""
_BEHIND = """
    select id, topics from serai.webhook
    where enabled and position < (select coalesce(max(seq), 0) from serai.feed) order by position
"""
_ADD = """
    insert into serai.webhook_delivery (webhook_id, seq, topic, key, state)
    select $1, *, 'waiting' from unnest($2::bigint[], $3::text[], $4::text[])
    on conflict (webhook_id, seq) do update set state = 'waiting', error = null, status = null
"""
_HEADS = """
    select seq from (
        select distinct on (key) key, seq, task_id from serai.webhook_delivery
        where webhook_id = $1 and state = 'waiting' and ($2::text[] is null or key = any($2)) order by key, seq
    ) as first where $3 or task_id is null
"""
_END = """
    update serai.webhook_delivery
    set state = $4, attempts = attempts + 1, tried_at = now(), status = $5, error = $6, task_id = null
    where webhook_id = $1 and seq = $2 and task_id = $3 returning key
"""
_WITHDRAW = """
    delete from serai.webhook_delivery where webhook_id = $1 and seq = $2 and task_id = $3 returning key
"""
_TRY_LATER = """
    update serai.webhook_delivery set attempts = attempts + 1, tried_at = now(), status = $4, error = $5
    where webhook_id = $1 and seq = $2 and task_id = $3
"""
_FAILING = """
    update serai.webhook set failing_since = coalesce(failing_since, now()) where id = $1 returning failing_since
"""
_ENABLE = """
    update serai.webhook
    set enabled = true, reason = '', failing_since = null, switched_at = now(), switched_by = $2 where id = $1
"""
_REPLAY = """
    update serai.webhook_delivery set state = 'waiting', task_id = null, status = null, error = null
    where webhook_id = $1 and seq = $2 and state <> 'waiting' returning key
"""
_LIST = """
    select d.seq, d.topic, d.key, d.state, d.attempts, d.tried_at, d.status, d.error
    from serai.webhook_delivery d join serai.webhook w on w.id = d.webhook_id
    where d.webhook_id = $1 and (w.client_id = $2 or $2 is null) and d.seq < $3 order by d.seq desc limit $4
"""
_FORGET = "delete from serai.webhook_delivery where state <> 'waiting' and tried_at < now() - $1::interval"


class Delivery(Struct, frozen=True):
    """The payload of a delivery's task."""

    webhook: str
    seq: int


@attrs.frozen(kw_only=True)
class DeliveryRecord:
    """What became of an event for one webhook: `waiting`, `delivered` or `failed`."""

    seq: int
    topic: str
    key: str
    state: str
    attempts: int
    tried_at: datetime | None
    status: int | None
    """Of the receiver's last answer."""
    error: str | None


class Deliveries:
    """Deliveries in the database. `task` is what delivers them, put in `queue`."""

    def __init__(self, database: Database, queue: Queue, task: Task[Delivery]) -> None:
        self._database = database
        self._queue = queue
        self._task = task

    async def behind(self) -> list[tuple[str, list[str]]]:
        """Id and topics of the enabled webhooks that events wait for."""
        async with self._database.raw() as connection:
            return [(row["id"], row["topics"]) for row in await connection.fetch(_BEHIND)]

    async def take(self, webhook_id: str) -> bool:
        """Make deliveries of the next events for a webhook; whether there may be more."""
        async with self._database.raw() as connection, connection.transaction():
            webhook = await connection.fetchrow(_LOCK, webhook_id)
            if webhook is None or not webhook["enabled"]:
                return False
            rows = await connection.fetch(_NEWS, webhook["position"], webhook["topics"], BATCH)
            head = rows[0]["head"]
            events = [row for row in rows if row["seq"] is not None]
            more = len(events) == BATCH
            await connection.execute(
                _ADD, webhook_id, *([event[column] for event in events] for column in ("seq", "topic", "key"))
            )
            await self._assign(connection, webhook_id, sorted({event["key"] for event in events}))
            await connection.execute(
                "update serai.webhook set position = $2 where id = $1",
                webhook_id,
                events[-1]["seq"] if more else max(head, webhook["position"]),
            )
        return more

    async def end(self, delivery: Delivery, task_id: int, state: str, status: int | None, error: str | None) -> None:
        """Record that a delivery is `delivered` or `failed`, and let the next one of its key go."""
        async with self._database.raw() as connection, connection.transaction():
            await connection.fetchrow(_LOCK, delivery.webhook)
            key = await connection.fetchval(_END, delivery.webhook, delivery.seq, task_id, state, status, error)
            if key is None:
                return
            if state == "delivered":
                await connection.execute(
                    "update serai.webhook set failing_since = null where id = $1", delivery.webhook
                )
            await self._assign(connection, delivery.webhook, [key])

    async def withdraw(self, delivery: Delivery, task_id: int) -> None:
        """Forget a delivery of what does not exist for the client, and let the next one of its key go."""
        async with self._database.raw() as connection, connection.transaction():
            await connection.fetchrow(_LOCK, delivery.webhook)
            key = await connection.fetchval(_WITHDRAW, delivery.webhook, delivery.seq, task_id)
            if key is not None:
                await self._assign(connection, delivery.webhook, [key])

    async def try_later(self, delivery: Delivery, task_id: int, status: int | None, error: str) -> datetime | None:
        """Record a failure that is not the last one; since when nothing was delivered to the webhook."""
        async with self._database.raw() as connection, connection.transaction():
            await connection.execute(_TRY_LATER, delivery.webhook, delivery.seq, task_id, status, error)
            since: datetime | None = await connection.fetchval(_FAILING, delivery.webhook)
            return since

    async def enable(self, webhook_id: str, who: str) -> None:
        """Deliver again, what waits first. Raises `NotFound`."""
        async with self._database.raw() as connection, connection.transaction():
            if await connection.fetchrow(_LOCK, webhook_id) is None:
                raise missing(webhook_id)
            await connection.execute(_ENABLE, webhook_id, who)
            await AuditLog(self._database, "kernel").write("webhook.enable", subject=webhook_id, connection=connection)
            await self._assign(connection, webhook_id, None, anew=True)
            await self._database.notify(CHANNEL, connection=connection)

    async def replay(self, webhook_id: str, seq: int) -> None:
        """Deliver one event again. Raises `NotFound`; `Conflict` while it still waits."""
        async with self._database.raw() as connection, connection.transaction():
            await connection.fetchrow(_LOCK, webhook_id)
            key = await connection.fetchval(_REPLAY, webhook_id, seq)
            if key is None:
                known = "select 1 from serai.webhook_delivery where webhook_id = $1 and seq = $2"
                if await connection.fetchval(known, webhook_id, seq):
                    raise Conflict(f"The event {seq} is on its way already")
                raise NotFound(f"No event {seq} was delivered to {webhook_id}")
            await self._assign(connection, webhook_id, [key])

    async def replay_from(self, webhook_id: str, position: int) -> None:
        """Deliver everything again that came after `position`, and what comes. Raises `NotFound`, `Conflict`."""
        async with self._database.raw() as connection, connection.transaction():
            webhook = await connection.fetchrow(_LOCK, webhook_id)
            if webhook is None:
                raise missing(webhook_id)
            if position > webhook["position"]:
                raise Conflict(f"Events up to {webhook['position']} only are dealt with")
            kept_from = await connection.fetchval("select pruned_to from serai.feed_state")
            if position < kept_from:
                raise Conflict(f"Events up to {kept_from} are no longer kept")
            await connection.execute("update serai.webhook set position = $2 where id = $1", webhook_id, position)
            await self._database.notify(CHANNEL, connection=connection)

    async def list(self, webhook_id: str, client_id: str | None, before: int, limit: int) -> list[DeliveryRecord]:
        """Deliveries of events below the number `before`, newest first."""
        async with self._database.raw() as connection:
            rows = await connection.fetch(_LIST, webhook_id, client_id, before, limit)
        return [DeliveryRecord(**row) for row in rows]

    async def forget(self) -> None:
        """Forget finished deliveries that are old."""
        async with self._database.raw() as connection:
            await connection.execute(_FORGET, KEPT)

    async def _assign(
        self, connection: asyncpg.Connection, webhook_id: str, keys: Sequence[str] | None, *, anew: bool = False
    ) -> None:
        """Give the first waiting deliveries of these keys (None: of all) a task; `anew` also where they have one."""
        for row in await connection.fetch(_HEADS, webhook_id, keys, anew):
            task_id: Any = await self._queue.put(self._task, Delivery(webhook_id, row["seq"]), connection=connection)
            await connection.execute(
                "update serai.webhook_delivery set task_id = $3 where webhook_id = $1 and seq = $2",
                webhook_id,
                row["seq"],
                task_id,
            )
