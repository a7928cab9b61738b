"""The tables of devices: how each process finds each of them, and who holds the exclusive ones."""

from __future__ import annotations

from sqlalchemy import Column, DateTime, ForeignKey, Table, Text

from serai.data.tables import metadata

Moment = DateTime(timezone=True)

device_state = Table(
    "device_state",
    metadata,
    Column("process_id", Text, ForeignKey("serai.process.id", ondelete="CASCADE"), primary_key=True),
    Column("device", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("driver", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("since", Moment, nullable=False),
    Column("reason", Text, nullable=False),
    Column("hint", Text, nullable=False),
    comment="How each process finds each device",
)

device_lease = Table(
    "device_lease",
    metadata,
    Column("device", Text, primary_key=True),
    Column("process_id", Text, nullable=False),
    Column("since", Moment, nullable=False),
    Column("until", Moment, nullable=False, comment="anybody may take it after this"),
    comment="Which process holds an exclusive device",
)
