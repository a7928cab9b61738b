"""What clients may do, their use, requests for keys, and who was shown whose personal data."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
phase = "expand"

MOMENT = sa.DateTime(timezone=True)
TEXTS = postgresql.ARRAY(sa.Text)
NOW = sa.text("now()")


def upgrade() -> None:
    """Widen clients and keys, make the other tables. What expired as a key expires as a client from now on."""
    _widen_clients()
    _make_use()
    _make_requests()
    _make_disclosures()


def downgrade() -> None:
    """Drop all of it; a key's own expiry becomes that of its client again."""
    for table in ("disclosure", "client_request", "client_use"):
        op.drop_table(table, schema="serai")
    op.execute(
        "update serai.api_key k set expires_at = least(k.expires_at, c.expires_at)"
        " from serai.client c where c.id = k.client_id"
    )
    # Refused for now must not become served again.
    op.execute("update serai.client set revoked_at = now() where suspended_at is not null and revoked_at is null")
    op.drop_column("api_key", "beginning", schema="serai")
    for column in reversed(_client_columns()):
        op.drop_column("client", column.name, schema="serai")


def _client_columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("person", sa.Text, comment="the emplid of the colleague whose own it is; none: a system's"),
        sa.Column("purpose", sa.Text, nullable=False, server_default="", comment="why it reads personal data"),
        sa.Column("fields", TEXTS, comment="the personal fields that it may see at most; none: no limit"),
        sa.Column("daily_quota", sa.BigInteger, comment="requests a day of the company"),
        sa.Column("rate", sa.Double, comment="requests a second; none: the kernel's default"),
        sa.Column("burst", sa.Integer, comment="requests at once; none: the kernel's default"),
        sa.Column("expires_at", MOMENT, comment="when all its keys are refused"),
        sa.Column("suspended_at", MOMENT),
        sa.Column("suspended_by", sa.Text),
        sa.Column("suspended_reason", sa.Text),
        sa.Column("version", sa.Integer, nullable=False, server_default="1", comment="counts changes, for If-Match"),
    ]


def _widen_clients() -> None:
    for column in _client_columns():
        op.add_column("client", column, schema="serai")
    op.add_column(
        "api_key",
        sa.Column("beginning", sa.Text, comment="its first 8 characters, to tell keys apart"),
        schema="serai",
    )
    op.alter_column(
        "api_key",
        "expires_at",
        schema="serai",
        comment="sooner than its client, where another key has taken over",
    )
    op.execute("update serai.client c set expires_at = k.expires_at from serai.api_key k where k.client_id = c.id")


def _make_use() -> None:
    op.create_table(
        "client_use",
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("day", sa.Date, nullable=False, comment="of the company's zone"),
        sa.Column("requests", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("client_id", "day", name="client_use_pkey"),
        sa.ForeignKeyConstraint(["client_id"], ["serai.client.id"], name="client_use_client_id_fkey"),
        schema="serai",
        comment="Requests of clients with a quota, by day",
    )


def _make_requests() -> None:
    op.create_table(
        "client_request",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("person", sa.Text),
        sa.Column("scopes", TEXTS, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("expires_at", MOMENT),
        sa.Column("requested_by", sa.Text, nullable=False, comment="a principal's id, or cli:ACCOUNT"),
        sa.Column("requester_person", sa.Text, comment="the emplid of the colleague who asked"),
        sa.Column("requested_at", MOMENT, nullable=False, server_default=NOW),
        sa.Column("state", sa.Text, nullable=False, server_default="waiting"),
        sa.Column("endorsed_by", sa.Text, comment="who of the owner's side supports it"),
        sa.Column("endorsed_at", MOMENT),
        sa.Column("decided_by", sa.Text),
        sa.Column("decided_at", MOMENT),
        sa.Column("reason", sa.Text, comment="of the decision"),
        sa.Column("client_id", sa.Text),
        sa.Column("claim_digest", sa.LargeBinary, nullable=False, comment="SHA-256 of the claim secret"),
        sa.Column("claim_until", MOMENT),
        sa.Column("claimed_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="client_request_pkey"),
        sa.ForeignKeyConstraint(["client_id"], ["serai.client.id"], name="client_request_client_id_fkey"),
        sa.CheckConstraint(
            "state in ('waiting', 'approved', 'refused', 'claimed')", name=op.f("client_request_state_check")
        ),
        schema="serai",
        comment="Requests for a client and its key",
    )


def _make_disclosures() -> None:
    op.create_table(
        "disclosure",
        sa.Column("noted_at", MOMENT, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False, server_default=sa.text("gen_random_uuid()")),
        sa.Column("client_id", sa.Text, nullable=False, comment="the principal's id"),
        sa.Column("client", sa.Text, nullable=False, comment="its name then"),
        sa.Column("person", sa.Text, comment="the colleague whose key it was"),
        sa.Column("route", sa.Text, nullable=False, comment="the template"),
        sa.Column("subjects", TEXTS, nullable=False, comment="emplids whose data was shown"),
        sa.Column("fields", TEXTS, nullable=False, comment="the personal fields that were shown"),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("noted_at", "id", name="disclosure_pkey"),
        schema="serai",
        comment="Who was shown whose personal data, a partition a month",
        postgresql_partition_by="RANGE (noted_at)",
    )
    op.create_index("disclosure_client_idx", "disclosure", ["client_id", "noted_at"], schema="serai")
    op.create_index("disclosure_subjects_idx", "disclosure", ["subjects"], schema="serai", postgresql_using="gin")
