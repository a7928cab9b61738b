"""The schemas of the kernel and the plugins, up, down and away: one PostgreSQL schema and one history for each name."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Literal

import attrs
from sqlalchemy import bindparam, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from serai.data import archive, revisions
from serai.data.connections import Connections
from serai.data.export import export
from serai.data.revisions import History, Revision
from serai.data.tables import SCHEMA
from serai.errors import SeraiError

KERNEL_LOCATION = "serai:data/kernel_migrations"
"""The revisions of the kernel's own schema, `serai`."""

_LOCK = 0x5E4A1  # the key of the one advisory lock; any number that nobody else uses
_LOCK_TIMEOUT = "30s"  # a migration that waits for a table makes all others wait for it: better to fail and try again

# Rows of the catalogues carry the transaction that wrote them: this finds what a migration touched and must not.
_TRESPASSES = text("""
    select format('it makes or changes %s.%s', n.nspname, c.relname)
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.xmin = pg_current_xact_id()::xid and c.relkind in ('r', 'p', 'v', 'm', 'S', 'f')
       and n.nspname <> :schema and n.nspname !~ '^pg_(toast|temp)'
     union all
    select format('it makes the extension %s', extname) from pg_extension where xmin = pg_current_xact_id()::xid
     union all
    select format('%s has a foreign key to %s', conrelid::regclass, confrelid::regclass)
      from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_class f on f.oid = k.confrelid
     where k.contype = 'f' and c.relnamespace = to_regnamespace(:quoted) and f.relnamespace <> c.relnamespace
""").bindparams(bindparam("schema"), bindparam("quoted"))


State = Literal["none", "empty", "current", "behind", "ahead", "ahead-expand"]


@attrs.frozen
class SchemaStatus:
    """How a schema stands to the revisions of the installed wheel."""

    state: State
    """`none`: the wheel has no revisions. `ahead-expand`: ahead, but only by revisions that this code can live with."""
    current: str | None
    """The last applied revision."""
    head: str | None
    """The last revision of the wheel."""
    pending: tuple[Revision, ...]
    """What `upgrade` would apply."""


@attrs.frozen
class PlannedRevision:
    """A revision that `upgrade` would apply, with its statements."""

    revision: Revision
    sql: str


class Migrations:
    """Migrates one schema at a time, each verb in one transaction: it happens wholly or not at all.

    `location` is what `register_migrations` returned ("package:folder") or a folder. A second process that migrates
    at the same time waits, then finds nothing left to do.
    """

    def __init__(self, connections: Connections) -> None:
        self._db = connections.database(SCHEMA)

    async def names(self) -> tuple[str, ...]:
        """All names that have applied revisions, also those whose wheel is gone."""
        async with self._db.connect() as connection:
            return await archive.names(connection)

    async def status(self, name: str, location: str | Path | None) -> SchemaStatus:
        """How the schema stands; `location` is None where there is no wheel or it has no migrations."""
        history = History(name, ()) if location is None else revisions.read(name, location)
        async with self._db.connect() as connection:
            return await _status(connection, name, history)

    async def upgrade(
        self, name: str, location: str | Path, *, to: str = "head", export_to: Path | None = None
    ) -> tuple[Revision, ...]:
        """Apply what is pending up to `to`, and return it.

        A contract revision on a schema in use loses data, so it needs a folder to export to first.
        """
        history = revisions.read(name, location)
        async with self._transaction() as connection:
            pending = await _pending(connection, name, history, to)
            if not pending:
                return ()
            environment = _environment()
            await self._prepare(connection, name, history, pending, export_to)
            for revision in pending:
                await connection.run_sync(environment.step_up, name, revision, history)
                await archive.add(connection, name, revision)
            await _refuse_trespasses(connection, name)
        return pending

    async def downgrade(self, name: str, to: str, *, export_to: Path | None = None) -> tuple[Revision, ...]:
        """Undo what follows the revision `to` (`base`: everything), the last first, and return it.

        Runs what was archived when it was applied, so the wheel may be older or gone. Exports first to a folder that
        is given.
        """
        if name == SCHEMA and to == "base":
            raise SeraiError("The kernel's own schema cannot be undone wholly: all others need its archive.")
        environment = _environment()
        async with self._transaction() as connection:
            applied = await archive.read(connection, name)
            undone = applied.after(None if to == "base" else to)[::-1]
            if undone and export_to is not None:
                await export(connection, name, applied, export_to)
            await _search(connection, name)
            for revision in undone:
                await connection.run_sync(environment.step_down, name, revision, applied)
                await archive.remove(connection, name, revision)
            await _refuse_trespasses(connection, name)
        return undone

    async def purge(self, name: str, export_to: Path) -> Path:
        """Export everything of `name`, drop its schema and forget its revisions; return the folder of the export."""
        if name == SCHEMA:
            raise SeraiError("The kernel's own schema cannot be purged: all others need its archive.")
        async with self._transaction() as connection:
            applied = await archive.read(connection, name)
            if not await _is_ours(connection, name):
                raise SeraiError(f"There is nothing to purge: {name} is no schema that Serai has migrated.")
            exported = await export(connection, name, applied, export_to)
            await connection.execute(text(f'drop schema "{name}" cascade'))
            for revision in applied:
                await archive.remove(connection, name, revision)
        return exported

    async def plan(self, name: str, location: str | Path, *, to: str = "head") -> tuple[PlannedRevision, ...]:
        """What `upgrade` would do, as SQL; nothing is changed."""
        history = revisions.read(name, location)
        environment = _environment()
        async with self._transaction() as connection:
            pending = await _pending(connection, name, history, to)
            return tuple(PlannedRevision(revision, environment.sql(name, revision, history)) for revision in pending)

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that is alone in migrating this database."""
        async with self._db.begin() as connection:
            await connection.execute(text("set local statement_timeout = 0"))
            await connection.execute(text("set local idle_in_transaction_session_timeout = 0"))
            await connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
            # Who was waited for may have made the schema. A session notices that when it locks a relation, which this
            # does and `to_regclass` does not: it would go on saying that nothing is there.
            await connection.execute(text("select from pg_class limit 0"))
            await connection.execute(text(f"set local lock_timeout = '{_LOCK_TIMEOUT}'"))
            yield connection

    async def _prepare(
        self,
        connection: AsyncConnection,
        name: str,
        history: History,
        pending: tuple[Revision, ...],
        export_to: Path | None,
    ) -> None:
        if name != SCHEMA and not await archive.exists(connection):
            raise SeraiError(
                f"The schema {name} cannot be migrated before the kernel's own.", hint="run `serai db upgrade` first"
            )
        losing = [revision.id for revision in pending if revision.phase == "contract"]
        if losing and pending[0].down is not None:
            if export_to is None:
                raise SeraiError(
                    f"The revision {losing[0]} of {name} takes something away, and nothing says where to export first.",
                    hint="name a folder for the export",
                )
            await export(connection, name, await archive.read(connection, name), export_to)
        await connection.execute(text(f'create schema if not exists "{name}"'))
        await _search(connection, name)


def _environment() -> ModuleType:
    """What runs revisions: imported when one runs, because Alembic takes longer to import than most commands do."""
    from serai.data import environment

    return environment


async def _status(connection: AsyncConnection, name: str, history: History) -> SchemaStatus:
    current = await _current(connection, name)
    if history.head is None:
        return SchemaStatus("none", current, None, ())
    if current is None or current in history:
        pending = history.after(current)
        state: State = "empty" if current is None else "behind" if pending else "current"
        return SchemaStatus(state, current, history.head, pending)
    applied = await archive.read(connection, name)
    known = history.head in applied
    harmless = known and all(revision.phase == "expand" for revision in applied.after(history.head))
    return SchemaStatus("ahead-expand" if harmless else "ahead", current, history.head, ())


async def _pending(connection: AsyncConnection, name: str, history: History, to: str) -> tuple[Revision, ...]:
    """What is to be applied up to `to`, now that nobody else migrates."""
    status = await _status(connection, name, history)
    if status.state in {"ahead", "ahead-expand"}:
        raise SeraiError(
            f"The schema {name} is at revision {status.current}, which the installed version does not know: "
            f"its last one is {status.head}.",
            hint="install the newer version again, or undo what it applied with `serai db downgrade`",
        )
    wanted = history.until(history.head if to == "head" else to)
    return tuple(revision for revision in status.pending if revision in wanted)


async def _current(connection: AsyncConnection, name: str) -> str | None:
    if not await _is_ours(connection, name):
        return None
    query = text(f'select version_num from "{name}".{revisions.VERSION_TABLE}')  # noqa: S608 - a plugin's name
    found: str | None = (await connection.execute(query)).scalar()
    return found


async def _is_ours(connection: AsyncConnection, name: str) -> bool:
    """Whether the schema is one that was migrated here: it has a version table."""
    table = f'"{name}".{revisions.VERSION_TABLE}'
    return (await connection.execute(select(func.to_regclass(table)))).scalar() is not None


async def _search(connection: AsyncConnection, name: str) -> None:
    """Have names without a schema mean the schema's own tables, and find the types of extensions."""
    await connection.execute(text(f'set local search_path to "{name}", public'))


async def _refuse_trespasses(connection: AsyncConnection, name: str) -> None:
    found = (await connection.execute(_TRESPASSES, {"schema": name, "quoted": f'"{name}"'})).scalars().all()
    if found:
        raise SeraiError(
            f"The migration of {name} reaches beyond its own schema: {', '.join(found)}.",
            hint="nothing was changed; a plugin's tables, and what they refer to, are in the schema of its name",
        )
