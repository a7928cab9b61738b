"""The archive of applied revisions."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
phase = "expand"


def upgrade() -> None:
    op.create_table(
        "migration_archive",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("revision", sa.Text, nullable=False),
        sa.Column("down_revision", sa.Text),
        sa.Column("phase", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("applied_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("name", "revision", name="migration_archive_pkey"),
        sa.CheckConstraint("phase in ('expand', 'contract')", name="migration_archive_phase_check"),
        schema="serai",
    )


def downgrade() -> None:
    op.drop_table("migration_archive", schema="serai")
