"""Webhooks of clients, and what was delivered to each."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
phase = "expand"

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "webhook",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column(
            "client_id",
            sa.Text,
            sa.ForeignKey("serai.client.id", name="webhook_client_id_fkey"),
            nullable=False,
        ),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("topics", postgresql.ARRAY(sa.Text), nullable=False),
        sa.Column("secret", sa.Text, nullable=False),
        sa.Column("old_secret", sa.Text),
        sa.Column("old_secret_until", _MOMENT, comment="until then the old secret signs too"),
        sa.Column("enabled", sa.Boolean, nullable=False, server_default=sa.true()),
        sa.Column("reason", sa.Text, nullable=False, server_default="", comment="why it is disabled"),
        sa.Column("switched_at", _MOMENT, nullable=False, server_default=sa.text("now()")),
        sa.Column("switched_by", sa.Text, nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False, server_default=sa.text("now()")),
        sa.Column("failing_since", _MOMENT, comment="since then nothing was delivered"),
        sa.Column("position", sa.BigInteger, nullable=False, comment="events up to this number are dealt with"),
        schema="serai",
        comment="Where clients want to be told of what happens",
    )
    op.create_index("webhook_client_id_idx", "webhook", ["client_id"], schema="serai")
    op.create_table(
        "webhook_delivery",
        sa.Column(
            "webhook_id",
            sa.Text,
            sa.ForeignKey("serai.webhook.id", name="webhook_delivery_webhook_id_fkey", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("seq", sa.BigInteger, primary_key=True, comment="the event's number in the feed"),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False, comment="waiting, delivered or failed"),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("tried_at", _MOMENT),
        sa.Column("status", sa.Integer, comment="of the last answer"),
        sa.Column("error", sa.Text, comment="one sentence for people"),
        sa.Column("task_id", sa.BigInteger, comment="the task that is to deliver it; others leave it alone"),
        schema="serai",
        comment="Events on their way to webhooks, and what became of them",
    )
    op.create_index(
        "webhook_delivery_waiting_idx",
        "webhook_delivery",
        ["webhook_id", "key", "seq"],
        schema="serai",
        postgresql_where=sa.text("state = 'waiting'"),
    )


def downgrade() -> None:
    op.drop_table("webhook_delivery", schema="serai")
    op.drop_table("webhook", schema="serai")
