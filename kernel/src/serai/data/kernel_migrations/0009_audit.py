"""What is encrypted, and the audit log with its hash chain."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
phase = "expand"

_MOMENT = sa.DateTime(timezone=True)
_NOW = sa.text("clock_timestamp()")

GUARDS = (
    """
    create function serai.audit_only_adds() returns trigger language plpgsql as $$
    begin
        raise exception 'rows of % are only ever added', tg_table_name using errcode = 'restrict_violation';
    end $$
    """,
    """
    create function serai.audit_note_unsealed() returns trigger language plpgsql as $$
    begin
        insert into serai.audit_unsealed (audit_id) values (new.id);
        return null;
    end $$
    """,
    """
    create trigger audit_log_note after insert on serai.audit_log
    for each row execute function serai.audit_note_unsealed()
    """,
    *(
        f"create trigger {table}_only_adds before update or delete or truncate on serai.{table}"
        " for each statement execute function serai.audit_only_adds()"
        for table in ("audit_log", "audit_seal")
    ),
)
"""The statements that make the database refuse to change what was written."""


def upgrade() -> None:
    """Make the tables and what guards them."""
    op.create_table(
        "encrypted_column",
        sa.Column("plugin", sa.Text, nullable=False, comment="and its schema"),
        sa.Column("name", sa.Text, nullable=False, comment="table.column"),
        sa.Column(
            "row_columns",
            postgresql.ARRAY(sa.Text),
            nullable=False,
            comment="what names a row: a box is bound to it",
        ),
        sa.Column("index_column", sa.Text, comment="holds the blind index of the value"),
        sa.Column("copies", postgresql.ARRAY(sa.Text), nullable=False, comment="other tables that hold its boxes"),
        sa.PrimaryKeyConstraint("plugin", "name", name="encrypted_column_pkey"),
        schema="serai",
        comment="Encrypted columns that plugins declare, so that a rotation finds them without the plugins' code",
    )
    op.create_table(
        "audit_log",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("at", _MOMENT, nullable=False, server_default=_NOW),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("who", sa.Text, nullable=False, comment="the id of the client, cli:ACCOUNT, or kernel"),
        sa.Column("who_name", sa.Text, nullable=False, comment="its name then"),
        sa.Column("person", sa.Text, comment="the colleague whose key it was"),
        sa.Column("subject", sa.Text, nullable=False, comment="what or whom it was done to"),
        sa.Column("before", postgresql.JSON, comment="masked; as it was written, to the letter"),
        sa.Column("after", postgresql.JSON, comment="the same"),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("request_id", sa.Text, comment="of the request, or run:ID"),
        sa.PrimaryKeyConstraint("id", name="audit_log_pkey"),
        schema="serai",
        comment="Who did what; rows are only ever added",
    )
    op.create_index("audit_log_action_idx", "audit_log", ["action", "id"], schema="serai")
    op.create_index("audit_log_subject_idx", "audit_log", ["subject", "id"], schema="serai")
    op.create_table(
        "audit_unsealed",
        sa.Column("audit_id", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("audit_id", name="audit_unsealed_pkey"),
        schema="serai",
        comment="Rows of audit_log that are in no seal yet",
    )
    op.create_table(
        "audit_seal",
        sa.Column("position", sa.BigInteger, nullable=False, comment="from 1 on, without gaps"),
        sa.Column("audit_id", sa.BigInteger, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False, comment="SHA-256 of the hash before it and of the row"),
        sa.Column("sealed_at", _MOMENT, nullable=False, server_default=_NOW),
        sa.PrimaryKeyConstraint("position", name="audit_seal_pkey"),
        sa.UniqueConstraint("audit_id", name="audit_seal_audit_id_key"),
        sa.ForeignKeyConstraint(["audit_id"], ["serai.audit_log.id"], name="audit_seal_audit_id_fkey"),
        schema="serai",
        comment="The hash chain over audit_log; rows are only ever added",
    )
    for statement in GUARDS:
        op.execute(statement)


def downgrade() -> None:
    """Drop them, with the whole log."""
    for table in ("audit_seal", "audit_unsealed", "audit_log", "encrypted_column"):
        op.drop_table(table, schema="serai")
    for function in ("audit_note_unsealed", "audit_only_adds"):
        op.execute(f"drop function serai.{function}()")
