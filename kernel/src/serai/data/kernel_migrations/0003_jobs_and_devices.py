"""Jobs and their runs, the states of devices, and who holds the exclusive ones."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
phase = "expand"

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "job",
        sa.Column("plugin", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("version", sa.Text, nullable=False, comment="of the plugin that declared it last"),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("schedule", sa.Text, nullable=False, comment="the cron expression, settings applied"),
        sa.Column("zone", sa.Text, nullable=False),
        sa.Column("rerun", sa.Boolean, nullable=False),
        sa.Column("since", _MOMENT, nullable=False, comment="ticks before it are nobody's to run"),
        sa.Column("paused", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("switched_at", _MOMENT, comment="when it was paused or resumed last"),
        sa.Column("switched_by", sa.Text),
        sa.Column("retired_at", _MOMENT, comment="the plugin declares it no longer"),
        schema="serai",
        comment="Jobs that plugins declare, so that they can be listed without the plugins' code",
    )
    op.create_table(
        "job_run",
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("plugin", sa.Text, nullable=False),
        sa.Column("job", sa.Text, nullable=False),
        sa.Column("tick", _MOMENT, nullable=False, comment="when it was due, or asked for"),
        sa.Column(
            "attempt", sa.Integer, nullable=False, server_default=sa.text("1"), comment="2 and more where run again"
        ),
        sa.Column("cause", sa.Text, nullable=False),
        sa.Column("requested_by", sa.Text),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("version", sa.Text, comment="of the plugin that ran it"),
        sa.Column("process_id", sa.Text),
        sa.Column("started_at", _MOMENT),
        sa.Column("lease_until", _MOMENT, comment="its process is taken for dead after this, unless renewed"),
        sa.Column("finished_at", _MOMENT),
        sa.Column("error", sa.Text, comment="one sentence for people"),
        sa.Column("trace", sa.Text, comment="for the authors; never leaves the house"),
        sa.Column("note", sa.Text, comment="progress in words"),
        sa.Column("done", sa.BigInteger),
        sa.Column("total", sa.BigInteger),
        sa.Column(
            "lines",
            postgresql.ARRAY(sa.Text),
            nullable=False,
            server_default=sa.text("'{}'"),
            comment="its log lines",
        ),
        sa.UniqueConstraint("plugin", "job", "tick", "attempt", name="job_run_plugin_job_tick_attempt_key"),
        schema="serai",
        comment="Runs of jobs: waiting, running, finished",
    )
    op.create_index(
        "job_run_running_key",
        "job_run",
        ["plugin", "job"],
        unique=True,
        schema="serai",
        postgresql_where=sa.text("started_at is not null and finished_at is null"),
    )
    op.create_index(
        "job_run_waiting_key",
        "job_run",
        ["plugin", "job"],
        unique=True,
        schema="serai",
        postgresql_where=sa.text("started_at is null"),
    )
    op.create_index("job_run_history_idx", "job_run", ["plugin", "job", "id"], schema="serai")
    op.create_table(
        "device_state",
        sa.Column(
            "process_id",
            sa.Text,
            sa.ForeignKey("serai.process.id", ondelete="CASCADE", name="device_state_process_id_fkey"),
            primary_key=True,
        ),
        sa.Column("device", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("driver", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("since", _MOMENT, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("hint", sa.Text, nullable=False),
        schema="serai",
        comment="How each process finds each device",
    )
    op.create_table(
        "device_lease",
        sa.Column("device", sa.Text, primary_key=True),
        sa.Column("process_id", sa.Text, nullable=False),
        sa.Column("since", _MOMENT, nullable=False),
        sa.Column("until", _MOMENT, nullable=False, comment="anybody may take it after this"),
        schema="serai",
        comment="Which process holds an exclusive device",
    )


def downgrade() -> None:
    for table in ("device_lease", "device_state", "job_run", "job"):
        op.drop_table(table, schema="serai")
