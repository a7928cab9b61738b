"""Alembic runs this for every command; `serai.data.environment` hands it what it needs as attributes of the config."""

from __future__ import annotations

from alembic import context

_attributes = context.config.attributes

if context.is_offline_mode():
    # The reader of a plan wants the statements, not the transaction around them.
    context.configure(dialect_name="postgresql", literal_binds=True, transactional_ddl=False, **_attributes["options"])
else:
    context.configure(connection=_attributes["connection"], **_attributes["options"])

with context.begin_transaction():
    context.run_migrations()
