"""The tables through which processes know of each other and of what operators want."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, DateTime, ForeignKey, Integer, Table, Text, false, text

from serai.data.tables import metadata

process = Table(
    "process",
    metadata,
    Column("id", Text, primary_key=True),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("version", Text, nullable=False),
    Column("started_at", DateTime(timezone=True), nullable=False),
    Column("heartbeat_at", DateTime(timezone=True), nullable=False),
    comment="Worker processes; one whose heartbeat is old has died",
)

plugin_state = Table(
    "plugin_state",
    metadata,
    Column("process_id", Text, ForeignKey(process.c.id, ondelete="CASCADE"), primary_key=True),
    Column("plugin", Text, primary_key=True),
    Column("version", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("since", DateTime(timezone=True), nullable=False),
    Column("reason_code", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("hint", Text, nullable=False),
    Column("restart", Integer, nullable=False),
    comment="What each process really does with each plugin",
)

override = Table(
    "override",
    metadata,
    Column("plugin", Text, primary_key=True),
    Column("stopped", Boolean, nullable=False, server_default=false()),
    Column("restart", Integer, nullable=False, server_default=text("0")),
    Column("who", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    comment="What operators want other than the deployment's file says, until it is cleared",
)
