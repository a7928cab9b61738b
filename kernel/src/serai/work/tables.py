"""The tables of jobs (declared, and every run), of the feed, and of failed tasks; the queue itself is PgQueuer's."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from serai.data.tables import metadata

Moment = DateTime(timezone=True)

job = Table(
    "job",
    metadata,
    Column("plugin", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("version", Text, nullable=False, comment="of the plugin that declared it last"),
    Column("title", Text, nullable=False),
    Column("schedule", Text, nullable=False, comment="the cron expression, settings applied"),
    Column("zone", Text, nullable=False),
    Column("rerun", Boolean, nullable=False),
    Column("since", Moment, nullable=False, comment="ticks before it are nobody's to run"),
    Column("paused", Boolean, nullable=False, server_default=false()),
    Column("switched_at", Moment, comment="when it was paused or resumed last"),
    Column("switched_by", Text),
    Column("retired_at", Moment, comment="the plugin declares it no longer"),
    comment="Jobs that plugins declare, so that they can be listed without the plugins' code",
)

job_run = Table(
    "job_run",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("plugin", Text, nullable=False),
    Column("job", Text, nullable=False),
    Column("tick", Moment, nullable=False, comment="when it was due, or asked for"),
    Column("attempt", Integer, nullable=False, server_default=text("1"), comment="2 and more where run again"),
    Column("cause", Text, nullable=False),
    Column("requested_by", Text),
    Column("state", Text, nullable=False),
    Column("version", Text, comment="of the plugin that ran it"),
    Column("process_id", Text),
    Column("started_at", Moment),
    Column("lease_until", Moment, comment="its process is taken for dead after this, unless renewed"),
    Column("finished_at", Moment),
    Column("error", Text, comment="one sentence for people"),
    Column("trace", Text, comment="for the authors; never leaves the house"),
    Column("note", Text, comment="progress in words"),
    Column("done", BigInteger),
    Column("total", BigInteger),
    Column("lines", ARRAY(Text), nullable=False, server_default=text("'{}'"), comment="its log lines"),
    UniqueConstraint("plugin", "job", "tick", "attempt"),
    Index(
        "job_run_running_key",
        "plugin",
        "job",
        unique=True,
        postgresql_where=text("started_at is not null and finished_at is null"),
    ),
    Index("job_run_waiting_key", "plugin", "job", unique=True, postgresql_where=text("started_at is null")),
    Index("job_run_history_idx", "plugin", "job", "id"),
    comment="Runs of jobs: waiting, running, finished",
)

task_failure = Table(
    "task_failure",
    metadata,
    Column("task_id", BigInteger, primary_key=True, autoincrement=False, comment="pgqueuer.id"),
    Column("failures", Integer, nullable=False),
    Column("failed_at", Moment, nullable=False, server_default=text("now()")),
    Column("version", Text, nullable=False, comment="of the plugin that worked on it"),
    Column("process_id", Text, nullable=False),
    Column("error", Text, comment="one sentence for people"),
    Column("trace", Text, comment="for the authors; never leaves the house"),
    Column("lines", ARRAY(Text), nullable=False, comment="the log lines of the last attempt"),
    comment="Why tasks failed that are to be tried again or are held",
)

feed = Table(
    "feed",
    metadata,
    Column("seq", BigInteger, Identity(always=True), primary_key=True, comment="in the order of commits"),
    Column("topic", Text, nullable=False),
    Column("key", Text, nullable=False, comment="what it happened to"),
    Column("payload", JSONB, comment="null where the thing is gone"),
    Column("at", Moment, nullable=False, comment="when it was committed"),
    Index("feed_topic_seq_idx", "topic", "seq"),
    comment="What happened; rows are only ever added at the end, and pruned from the beginning",
)

feed_pending = Table(
    "feed_pending",
    metadata,
    Column("transaction", Text, primary_key=True, server_default=text("pg_current_xact_id()::text")),
    Column("position", BigInteger, Identity(always=True), primary_key=True),
    Column("topic", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("payload", JSONB),
    prefixes=["UNLOGGED"],
    comment="What transactions under way have published; empty but for them",
)

feed_commit = Table(
    "feed_commit",
    metadata,
    Column("transaction", Text, primary_key=True),
    prefixes=["UNLOGGED"],
    comment="Transactions under way that have published",
)

feed_state = Table(
    "feed_state",
    metadata,
    Column("pruned_to", BigInteger, primary_key=True, autoincrement=False, comment="events up to this number are gone"),
    comment="One row: where the feed begins",
)

feed_cursor = Table(
    "feed_cursor",
    metadata,
    Column("plugin", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("topics", ARRAY(Text), nullable=False),
    Column("seq", BigInteger, nullable=False, comment="everything up to it is delivered, or a letter"),
    Column("process_id", Text, comment="delivers"),
    Column("lease_until", Moment, comment="anybody may deliver after this"),
    comment="Subscriptions of plugins, and where they are",
)

feed_letter = Table(
    "feed_letter",
    metadata,
    Column("plugin", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("topic", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("payload", JSONB),
    Column("at", Moment, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", Moment, nullable=False, comment="try again"),
    Column("dead_at", Moment, comment="tried no more"),
    Column("error", Text, nullable=False, comment="one sentence for people"),
    Column("trace", Text, nullable=False, comment="for the authors; never leaves the house"),
    ForeignKeyConstraint(
        ["plugin", "name"], ["serai.feed_cursor.plugin", "serai.feed_cursor.name"], ondelete="CASCADE"
    ),
    comment="Events that a subscription failed on, and those of the same key behind them",
)
