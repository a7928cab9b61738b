"""The kernel's own tables live in the schema `serai`; each room adds its own to this `MetaData`."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, DateTime, MetaData, Table, Text, func

SCHEMA = "serai"

metadata = MetaData(
    schema=SCHEMA,
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "ck": "%(table_name)s_%(constraint_name)s_check",
    },
)

migration_archive = Table(
    "migration_archive",
    metadata,
    Column("name", Text, primary_key=True),
    Column("revision", Text, primary_key=True),
    Column("down_revision", Text),
    Column("phase", Text, CheckConstraint("phase in ('expand', 'contract')", name="phase"), nullable=False),
    Column("message", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("applied_at", DateTime(timezone=True), server_default=func.now(), nullable=False),
)
"""Every revision that is applied, of every schema, with its source: so that it can be undone without its wheel."""
