"""People whom only some may see."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0002"
branch_labels = None
depends_on = None
phase = "expand"


def upgrade() -> None:
    op.create_table(
        "hidden_person",
        sa.Column("emplid", sa.Text),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("emplid"),
        schema="isapi",
    )


def downgrade() -> None:
    op.drop_table("hidden_person", schema="isapi")
