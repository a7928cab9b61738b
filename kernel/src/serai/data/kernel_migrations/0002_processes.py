"""Worker processes, what each does with each plugin, and what operators want instead."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
phase = "expand"

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "process",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("started_at", _MOMENT, nullable=False),
        sa.Column("heartbeat_at", _MOMENT, nullable=False),
        schema="serai",
        comment="Worker processes; one whose heartbeat is old has died",
    )
    op.create_table(
        "plugin_state",
        sa.Column(
            "process_id",
            sa.Text,
            sa.ForeignKey("serai.process.id", ondelete="CASCADE", name="plugin_state_process_id_fkey"),
            primary_key=True,
        ),
        sa.Column("plugin", sa.Text, primary_key=True),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("since", _MOMENT, nullable=False),
        sa.Column("reason_code", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("hint", sa.Text, nullable=False),
        sa.Column("restart", sa.Integer, nullable=False),
        schema="serai",
        comment="What each process really does with each plugin",
    )
    op.create_table(
        "override",
        sa.Column("plugin", sa.Text, primary_key=True),
        sa.Column("stopped", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("restart", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        schema="serai",
        comment="What operators want other than the deployment's file says, until it is cleared",
    )


def downgrade() -> None:
    op.drop_table("override", schema="serai")
    op.drop_table("plugin_state", schema="serai")
    op.drop_table("process", schema="serai")
