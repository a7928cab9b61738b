"""The tables of what is encrypted and of the audit log."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, DateTime, ForeignKey, Identity, Index, LargeBinary, Table, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSON

from serai.data.tables import metadata

_NOW = text("clock_timestamp()")

encrypted_column = Table(
    "encrypted_column",
    metadata,
    Column("plugin", Text, primary_key=True, comment="and its schema"),
    Column("name", Text, primary_key=True, comment="table.column"),
    Column("row_columns", ARRAY(Text), nullable=False, comment="what names a row: a box is bound to it"),
    Column("index_column", Text, comment="holds the blind index of the value"),
    Column("copies", ARRAY(Text), nullable=False, comment="other tables that hold its boxes"),
    comment="Encrypted columns that plugins declare, so that a rotation finds them without the plugins' code",
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    Column("action", Text, nullable=False),
    Column("who", Text, nullable=False, comment="the id of the client, cli:ACCOUNT, or kernel"),
    Column("who_name", Text, nullable=False, comment="its name then"),
    Column("person", Text, comment="the colleague whose key it was"),
    Column("subject", Text, nullable=False, comment="what or whom it was done to"),
    Column("before", JSON, comment="masked; as it was written, to the letter"),
    Column("after", JSON, comment="the same"),
    Column("reason", Text, nullable=False),
    Column("request_id", Text, comment="of the request, or run:ID"),
    Index("audit_log_action_idx", "action", "id"),
    Index("audit_log_subject_idx", "subject", "id"),
    comment="Who did what; rows are only ever added",
)

audit_unsealed = Table(
    "audit_unsealed",
    metadata,
    Column("audit_id", BigInteger, primary_key=True, autoincrement=False),
    comment="Rows of audit_log that are in no seal yet",
)

audit_seal = Table(
    "audit_seal",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False, comment="from 1 on, without gaps"),
    Column("audit_id", BigInteger, ForeignKey(audit_log.c.id), nullable=False, unique=True),
    Column("hash", LargeBinary, nullable=False, comment="SHA-256 of the hash before it and of the row"),
    Column("sealed_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    comment="The hash chain over audit_log; rows are only ever added",
)
