"""Hashes of rows, watermarks, what held runs read, and a quarantine that one can work through."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None
phase = "expand"

RECORDS = ("person", "name", "contact", "job", "dept", "dept_tree", "jobcode", "location", "account", "relation")
DECISION: dict[str, sa.types.TypeEngine[Any]] = {
    "decided_by": sa.Text(),
    "decided_person": sa.Text(),
    "decision_reason": sa.Text(),
    "decided_at": sa.DateTime(timezone=True),
}


def upgrade() -> None:
    for record in RECORDS:
        op.add_column(record, sa.Column("row_hash", sa.BigInteger), schema="isapi")
        op.execute(
            f"create table isapi.held_{record} as"
            f" select *, null::text as broken_rule, null::boolean as removed from isapi.{record} with no data"
        )
    op.add_column("data_state", sa.Column("edition", sa.Text), schema="isapi")
    op.create_table(
        "watermark",
        sa.Column("view", sa.Text),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("read_as_of", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("view"),
        schema="isapi",
    )
    op.add_column("sync_run", sa.Column("kind", sa.Text, nullable=False, server_default="full"), schema="isapi")
    _quarantine()
    for table in ("sync_run", "quarantine"):
        for name, type_ in DECISION.items():
            op.add_column(table, sa.Column(name, type_), schema="isapi")


def _quarantine() -> None:
    """One row for each view, rule and key from now on: those of single runs go, the next whole reading finds them."""
    op.execute("delete from isapi.quarantine")
    op.drop_constraint("quarantine_run_id_fkey", "quarantine", schema="isapi")
    op.drop_index("quarantine_run_id_idx", "quarantine", schema="isapi")
    now = sa.text("now()")
    for column in (
        sa.Column("rows", sa.Integer, nullable=False, server_default="1"),
        sa.Column("state", sa.Text, nullable=False, server_default="open"),
        sa.Column("first_seen", sa.DateTime(timezone=True), nullable=False, server_default=now),
        sa.Column("last_seen", sa.DateTime(timezone=True), nullable=False, server_default=now),
        sa.Column("last_run", sa.BigInteger),
        sa.Column("times", sa.Integer, nullable=False, server_default="1"),
    ):
        op.add_column("quarantine", column, schema="isapi")
    op.create_index("quarantine_key_idx", "quarantine", ["view", "rule", "key"], schema="isapi")
    op.create_index("quarantine_state_idx", "quarantine", ["state", "id"], schema="isapi")
    op.create_table(
        "quarantine_sighting",
        sa.Column("run_id", sa.BigInteger, sa.ForeignKey("isapi.sync_run.id", ondelete="CASCADE")),
        sa.Column("quarantine_id", sa.BigInteger, sa.ForeignKey("isapi.quarantine.id", ondelete="CASCADE")),
        sa.PrimaryKeyConstraint("run_id", "quarantine_id"),
        schema="isapi",
    )
    op.create_index("quarantine_sighting_quarantine_id_idx", "quarantine_sighting", ["quarantine_id"], schema="isapi")


def downgrade() -> None:
    op.drop_table("quarantine_sighting", schema="isapi")
    op.drop_index("quarantine_state_idx", "quarantine", schema="isapi")
    op.drop_index("quarantine_key_idx", "quarantine", schema="isapi")
    op.execute("delete from isapi.quarantine")
    for table, names in {
        "quarantine": ["rows", "state", "first_seen", "last_seen", "last_run", "times", *DECISION],
        "sync_run": ["kind", *DECISION],
    }.items():
        for name in names:
            op.drop_column(table, name, schema="isapi")
    op.create_foreign_key(
        "quarantine_run_id_fkey", "quarantine", "sync_run", ["run_id"], ["id"],
        source_schema="isapi", referent_schema="isapi", ondelete="CASCADE",
    )  # fmt: skip
    op.create_index("quarantine_run_id_idx", "quarantine", ["run_id", "id"], schema="isapi")
    op.drop_table("watermark", schema="isapi")
    op.drop_column("data_state", "edition", schema="isapi")
    for record in RECORDS:
        op.drop_table(f"held_{record}", schema="isapi")
        op.drop_column(record, "row_hash", schema="isapi")
