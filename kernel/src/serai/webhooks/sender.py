"""Sends one event to one webhook, as a task of the queue."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import attrs

from serai.context import Context, Database, Http
from serai.declarations import Event, Retry, TaskRun, task
from serai.errors import PluginError, Problem
from serai.identity.authenticator import principal_of
from serai.webhooks import registry, signing
from serai.webhooks.deliveries import Deliveries, Delivery
from serai.webhooks.message import encode, message_id
from serai.webhooks.topics import TopicBook
from serai.work.feed import Feed

SCHEDULE = Retry((5.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0))
"""5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h."""
GIVE_UP = timedelta(days=5)
"""A webhook to which nothing could be delivered for so long is disabled."""
ANSWER_WITHIN = 20.0
LONGEST_ANSWER = 64 * 1024
GONE = 410

_LOAD = """
    select w.url, w.enabled, d.topic, w.secret, c.revoked_at, c.suspended_at,
        c.id, c.name, c.scopes, c.person, c.fields, c.purpose, c.rate, c.burst, c.daily_quota,
        case when w.old_secret_until > now() then w.old_secret end as old_secret
    from serai.webhook_delivery d join serai.webhook w on w.id = d.webhook_id join serai.client c on c.id = w.client_id
    where d.webhook_id = $1 and d.seq = $2 and d.state = 'waiting' and d.task_id = $3
"""


@task(retry=SCHEDULE, timeout=60)
async def deliver_webhook(ctx: Context, run: TaskRun[Delivery]) -> None:
    """Send an event to a webhook."""
    await ctx.get(Sender).send(run)


@attrs.frozen(kw_only=True)
class Sender:
    """Sends what `deliver_webhook` is to deliver."""

    database: Database
    deliveries: Deliveries
    feed: Feed
    http: Http
    topics: TopicBook
    retry: Retry = SCHEDULE

    async def send(self, run: TaskRun[Delivery]) -> None:
        """Send the event of the run's payload. Raises where it is to be tried again."""
        async with self.database.raw() as connection:
            target = await connection.fetchrow(_LOAD, run.payload.webhook, run.payload.seq, run.id)
        if target is None or not target["enabled"]:  # when it is enabled, the delivery gets another task
            return
        known = self.topics.find(target["topic"])
        if known is None:
            raise PluginError(f"The plugin of the topic {target['topic']} does not serve here")
        if reason := _refusal(target, known.permission):
            await registry.disable(self.database, run.payload.webhook, who="serai", reason=reason)
            return
        event = await self._event(known.topic, run.payload.seq)
        if event is None:
            await self.deliveries.end(run.payload, run.id, "failed", None, "The event is no longer kept.")
            return
        seen = await known.seen_by(principal_of(target), event)
        if seen is None:
            await self.deliveries.withdraw(run.payload, run.id)
            return
        await self._post(run, target, seen)

    async def _event(self, topic: Any, seq: int) -> Event[Any] | None:
        try:
            events = await self.feed.read([topic], after=seq - 1, limit=1)
        except Problem as problem:
            if problem.status != GONE:
                raise
            return None
        return events[0] if events and events[0].seq == seq else None

    async def _post(self, run: TaskRun[Delivery], target: Any, event: Event[Any]) -> None:
        body = encode(event)
        live = [secret for secret in (target["secret"], target["old_secret"]) if secret]
        headers = signing.headers(message_id(run.payload.webhook, event.seq), body, live)
        status, error = None, None
        try:
            answer = await self.http.request(
                "POST", target["url"], data=body, headers=headers, timeout=ANSWER_WITHIN, limit=LONGEST_ANSWER
            )
            status = answer.status
        except Problem as problem:
            error = problem.sentence
        if status is not None and 200 <= status < 300:
            await self.deliveries.end(run.payload, run.id, "delivered", status, None)
            return
        await self._failed(run, status, error or f"The receiver answered {status}.")

    async def _failed(self, run: TaskRun[Delivery], status: int | None, error: str) -> None:
        if run.attempt > len(self.retry.delays):
            await self.deliveries.end(run.payload, run.id, "failed", status, error)
            return
        since = await self.deliveries.try_later(run.payload, run.id, status, error)
        reason = None
        if status == GONE:
            reason = "the receiver answered 410 Gone"
        elif since is not None and datetime.now(UTC) - since > GIVE_UP:
            reason = f"nothing could be delivered since {since:%Y-%m-%d %H:%M} UTC: {error}"
        if reason is None:
            raise PluginError(f"{run.payload.webhook}: {error}")
        await registry.disable(self.database, run.payload.webhook, who="serai", reason=reason)


def _refusal(target: Any, permission: str) -> str:
    """Why the webhook's client is told nothing any more; empty where it is."""
    if target["revoked_at"] is not None:
        return "its client is revoked"
    if target["suspended_at"] is not None:
        return "its client is suspended"
    return "" if permission in target["scopes"] else f"its client no longer holds {permission}"
