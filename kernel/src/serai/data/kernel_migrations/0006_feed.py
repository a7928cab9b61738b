"""The feed: what happened, numbered in the order of commits."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
phase = "expand"

_MOMENT = sa.DateTime(timezone=True)

NUMBERING = (
    # One marker a transaction, so that numbering happens once in it, however many rows it published.
    """
    create function serai.feed_mark() returns trigger language plpgsql as $$
    begin
        insert into serai.feed_commit values (pg_current_xact_id()::text) on conflict do nothing;
        return null;
    end $$
    """,
    """
    create trigger feed_mark after insert on serai.feed_pending
    for each statement execute function serai.feed_mark()
    """,
    # The lock is taken at commit and released once the commit is visible: whoever sees a number sees all lower ones.
    """
    create function serai.feed_number() returns trigger language plpgsql as $$
    declare
        newest bigint;
    begin
        perform pg_advisory_xact_lock(hashtextextended('serai.feed', 0));
        with taken as (
            delete from serai.feed_pending where transaction = new.transaction
            returning position, topic, key, payload
        ), numbered as (
            insert into serai.feed (topic, key, payload, at)
            select topic, key, payload, clock_timestamp() from taken order by position
            returning seq
        )
        select max(seq) into newest from numbered;
        delete from serai.feed_commit where transaction = new.transaction;
        if newest is not null then
            perform pg_notify('serai.feed', newest::text);
        end if;
        return null;
    end $$
    """,
    """
    create constraint trigger feed_number after insert on serai.feed_commit
    deferrable initially deferred for each row execute function serai.feed_number()
    """,
    "insert into serai.feed_state (pruned_to) values (0)",
)
"""The statements that make the database number what is published."""


def upgrade() -> None:
    """Make the tables and what numbers them."""
    op.create_table(
        "feed",
        sa.Column("seq", sa.BigInteger, sa.Identity(always=True), primary_key=True, comment="in the order of commits"),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False, comment="what it happened to"),
        sa.Column("payload", postgresql.JSONB, comment="null where the thing is gone"),
        sa.Column("at", _MOMENT, nullable=False, comment="when it was committed"),
        schema="serai",
        comment="What happened; rows are only ever added at the end, and pruned from the beginning",
    )
    op.create_index("feed_topic_seq_idx", "feed", ["topic", "seq"], schema="serai")
    op.create_table(
        "feed_pending",
        sa.Column("transaction", sa.Text, nullable=False, server_default=sa.text("pg_current_xact_id()::text")),
        sa.Column("position", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("payload", postgresql.JSONB),
        sa.PrimaryKeyConstraint("transaction", "position", name="feed_pending_pkey"),
        schema="serai",
        prefixes=["UNLOGGED"],
        comment="What transactions under way have published; empty but for them",
    )
    op.create_table(
        "feed_commit",
        sa.Column("transaction", sa.Text, primary_key=True),
        schema="serai",
        prefixes=["UNLOGGED"],
        comment="Transactions under way that have published",
    )
    op.create_table(
        "feed_state",
        sa.Column("pruned_to", sa.BigInteger, primary_key=True, comment="events up to this number are gone"),
        schema="serai",
        comment="One row: where the feed begins",
    )
    op.create_table(
        "feed_cursor",
        sa.Column("plugin", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("topics", postgresql.ARRAY(sa.Text), nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False, comment="everything up to it is delivered, or a letter"),
        sa.Column("process_id", sa.Text, comment="delivers"),
        sa.Column("lease_until", _MOMENT, comment="anybody may deliver after this"),
        schema="serai",
        comment="Subscriptions of plugins, and where they are",
    )
    op.create_table(
        "feed_letter",
        sa.Column("plugin", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("payload", postgresql.JSONB),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_at", _MOMENT, nullable=False, comment="try again"),
        sa.Column("dead_at", _MOMENT, comment="tried no more"),
        sa.Column("error", sa.Text, nullable=False, comment="one sentence for people"),
        sa.Column("trace", sa.Text, nullable=False, comment="for the authors; never leaves the house"),
        sa.ForeignKeyConstraint(
            ["plugin", "name"],
            ["serai.feed_cursor.plugin", "serai.feed_cursor.name"],
            ondelete="CASCADE",
            name="feed_letter_plugin_name_fkey",
        ),
        schema="serai",
        comment="Events that a subscription failed on, and those of the same key behind them",
    )
    for statement in NUMBERING:
        op.execute(statement)


def downgrade() -> None:
    """Drop them."""
    for table in ("feed_letter", "feed_cursor", "feed_state", "feed_commit", "feed_pending", "feed"):
        op.drop_table(table, schema="serai")
    for function in ("feed_number", "feed_mark"):
        op.execute(f"drop function serai.{function}()")
