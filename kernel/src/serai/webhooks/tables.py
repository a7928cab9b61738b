"""The tables of webhooks and their deliveries."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, DateTime, ForeignKey, Index, Integer, Table, Text, text, true
from sqlalchemy.dialects.postgresql import ARRAY

from serai.data.tables import metadata
from serai.identity.tables import client

Moment = DateTime(timezone=True)

webhook = Table(
    "webhook",
    metadata,
    Column("id", Text, primary_key=True),
    Column("client_id", Text, ForeignKey(client.c.id), nullable=False, index=True),
    Column("url", Text, nullable=False),
    Column("topics", ARRAY(Text), nullable=False),
    Column("secret", Text, nullable=False),
    Column("old_secret", Text),
    Column("old_secret_until", Moment, comment="until then the old secret signs too"),
    Column("enabled", Boolean, nullable=False, server_default=true()),
    Column("reason", Text, nullable=False, server_default="", comment="why it is disabled"),
    Column("switched_at", Moment, nullable=False, server_default=text("now()")),
    Column("switched_by", Text, nullable=False),
    Column("created_at", Moment, nullable=False, server_default=text("now()")),
    Column("failing_since", Moment, comment="since then nothing was delivered"),
    Column("position", BigInteger, nullable=False, comment="events up to this number are dealt with"),
    comment="Where clients want to be told of what happens",
)

webhook_delivery = Table(
    "webhook_delivery",
    metadata,
    Column("webhook_id", Text, ForeignKey("webhook.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", BigInteger, primary_key=True, comment="the event's number in the feed"),
    Column("topic", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("state", Text, nullable=False, comment="waiting, delivered or failed"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("tried_at", Moment),
    Column("status", Integer, comment="of the last answer"),
    Column("error", Text, comment="one sentence for people"),
    Column("task_id", BigInteger, comment="the task that is to deliver it; others leave it alone"),
    Index("webhook_delivery_waiting_idx", "webhook_id", "key", "seq", postgresql_where=text("state = 'waiting'")),
    comment="Events on their way to webhooks, and what became of them",
)
