"""`/-/api/v1/webhooks`: a client's own webhooks."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import attrs
from msgspec import Meta, Struct

from serai.context import Call
from serai.declarations import Api, Page, PageQuery
from serai.errors import Conflict, Forbidden, Invalid, Mistake, NotFound, Refused
from serai.outgoing.client import HttpClient
from serai.outgoing.errors import AddressRefused
from serai.webhooks import registry
from serai.webhooks.deliveries import Deliveries
from serai.webhooks.topics import TopicBook

api = Api(version=1)

_NEWEST = 2**62


class Webhook(Struct, frozen=True, kw_only=True):
    """Where you want to be told of what happens."""

    id: str
    url: str
    topics: list[str]
    enabled: bool
    reason: str
    """Why it is disabled; empty while it is enabled."""
    switched_at: datetime
    switched_by: str
    created_at: datetime
    failing_since: datetime | None
    """Since then nothing was delivered."""
    position: int
    """Events up to this number are on their way or delivered."""


class NewWebhook(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A webhook to be made."""

    url: Annotated[str, Meta(max_length=2000, description="http or https, without user and password")]
    topics: Annotated[list[str], Meta(min_length=1, max_length=50)]


class MadeWebhook(Struct, frozen=True, kw_only=True):
    """A webhook with its secret, which is shown this once."""

    webhook: Webhook
    secret: str


class NewSecret(Struct, frozen=True, kw_only=True):
    """A webhook's new secret, shown this once; the one before signs too for a day."""

    secret: str


class Replay(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be sent again: one event, or all that came after a position."""

    seq: int | None = None
    after: int | None = None


class DeliveryRecord(Struct, frozen=True, kw_only=True):
    """What became of an event: `waiting`, `delivered` or `failed`."""

    seq: int
    topic: str
    key: str
    state: str
    attempts: int
    tried_at: datetime | None
    status: int | None
    """Of your last answer."""
    error: str | None


@api.get("/webhooks", permission="kernel:webhooks")
async def list_webhooks(call: Call) -> list[Webhook]:
    """List your webhooks."""
    return [_shown(each) for each in await registry.list_webhooks(call.ctx.db, call.who.id)]


@api.post("/webhooks", permission="kernel:webhooks", status=201, raises=[Forbidden, Refused, AddressRefused])
async def add_webhook(call: Call, body: NewWebhook) -> MadeWebhook:
    """Have what happens from now on sent to your URL."""
    call.get(HttpClient).check(body.url)
    _check_topics(call, body.topics)
    made, secret = await registry.add(
        call.ctx.db,
        client_id=call.who.id,
        url=body.url,
        topics=body.topics,
        who=call.who.name,
        position=await call.ctx.feed.head(),
    )
    return MadeWebhook(webhook=_shown(made), secret=secret)


@api.get("/webhooks/{id}", permission="kernel:webhooks", raises=[NotFound])
async def get_webhook(call: Call, id: str) -> Webhook:  # noqa: A002  # the path's name
    """Show a webhook of yours."""
    return _shown(await registry.get(call.ctx.db, id, call.who.id))


@api.get("/webhooks/{id}/deliveries", permission="kernel:webhooks", raises=[NotFound])
async def list_deliveries(call: Call, id: str, query: PageQuery) -> Page[DeliveryRecord]:  # noqa: A002
    """List what was sent to a webhook of yours, newest first."""
    await registry.get(call.ctx.db, id, call.who.id)
    (before,) = call.position(query) or [_NEWEST]
    found = await call.get(Deliveries).list(id, call.who.id, before, query.limit + 1)
    page = found[: query.limit]
    return Page(
        items=[DeliveryRecord(**attrs.asdict(each)) for each in page],
        next_cursor=call.cursor(query, [page[-1].seq] if len(found) > query.limit else None),
    )


@api.post("/webhooks/{id}/enable", permission="kernel:webhooks", raises=[NotFound])
async def enable_webhook(call: Call, id: str) -> Webhook:  # noqa: A002
    """Have it delivered to again, what waits first."""
    await registry.get(call.ctx.db, id, call.who.id)
    await call.get(Deliveries).enable(id, call.who.name)
    return _shown(await registry.get(call.ctx.db, id, call.who.id))


@api.post("/webhooks/{id}/disable", permission="kernel:webhooks", raises=[NotFound])
async def disable_webhook(call: Call, id: str) -> Webhook:  # noqa: A002
    """Have nothing sent until it is enabled again; what happens meanwhile waits."""
    await registry.get(call.ctx.db, id, call.who.id)
    await registry.disable(call.ctx.db, id, who=call.who.name, reason=f"disabled by {call.who.name}")
    return _shown(await registry.get(call.ctx.db, id, call.who.id))


@api.post("/webhooks/{id}/rotate-secret", permission="kernel:webhooks", raises=[NotFound])
async def rotate_secret(call: Call, id: str) -> NewSecret:  # noqa: A002
    """Get a new secret; for a day messages are signed with the one before, too."""
    return NewSecret(secret=await registry.rotate(call.ctx.db, id, call.who.id))


@api.post("/webhooks/{id}/replay", permission="kernel:webhooks", raises=[NotFound, Conflict])
async def replay_deliveries(call: Call, id: str, body: Replay) -> None:  # noqa: A002
    """Have one event sent again (`seq`), or everything after a position (`after`)."""
    await registry.get(call.ctx.db, id, call.who.id)
    if body.seq is not None and body.after is None:
        await call.get(Deliveries).replay(id, body.seq)
    elif body.after is not None and body.seq is None:
        await call.get(Deliveries).replay_from(id, body.after)
    else:
        raise Invalid([Mistake((), "either `seq` or `after`", "both" if body.seq is not None else "neither")])


@api.post("/webhooks/{id}/remove", permission="kernel:webhooks", raises=[NotFound])
async def remove_webhook(call: Call, id: str) -> None:  # noqa: A002
    """Forget a webhook of yours with its deliveries."""
    await registry.remove(call.ctx.db, id, call.who.id)


def _check_topics(call: Call, names: list[str]) -> None:
    """Every topic is there, and the client may follow it; a topic of a plugin that does not serve here is not there."""
    book = call.get(TopicBook)
    for number, name in enumerate(names):
        known = book.find(name)
        if known is None:
            raise Invalid([Mistake(("topics", number), "one of " + (", ".join(book.names) or "no topics"), repr(name))])
        needed = known.permission
        if not call.who.may(needed):
            raise Forbidden(f"The topic {name} needs the permission {needed}", members={"permission": needed})


def _shown(webhook: registry.Webhook) -> Webhook:
    fields = attrs.asdict(webhook)
    del fields["client"]
    return Webhook(**{**fields, "topics": list(webhook.topics)})
