"""Clients and their API keys."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
phase = "expand"


def upgrade() -> None:
    """Make both tables."""
    op.create_table(
        "client",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text), nullable=False),
        sa.Column(
            "networks",
            postgresql.ARRAY(postgresql.CIDR),
            nullable=False,
            comment="where from it may ask; empty: from anywhere",
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="client_pkey"),
        schema="serai",
    )
    op.create_index(
        "client_name_key",
        "client",
        ["name"],
        unique=True,
        schema="serai",
        postgresql_where=sa.text("revoked_at is null"),
    )
    op.create_table(
        "api_key",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False, comment="SHA-256 of the key"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.Column("last_used_at", sa.DateTime(timezone=True), comment="to the minute"),
        sa.PrimaryKeyConstraint("id", name="api_key_pkey"),
        sa.UniqueConstraint("digest", name="api_key_digest_key"),
        sa.ForeignKeyConstraint(["client_id"], ["serai.client.id"], name="api_key_client_id_fkey"),
        schema="serai",
    )
    op.create_index("api_key_client_id_idx", "api_key", ["client_id"], schema="serai")


def downgrade() -> None:
    """Drop them, with every key."""
    op.drop_table("api_key", schema="serai")
    op.drop_table("client", schema="serai")
