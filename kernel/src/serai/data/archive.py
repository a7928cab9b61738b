"""The archive of applied revisions: what is in it is what is applied."""

from __future__ import annotations

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from serai.data.revisions import History, Revision
from serai.data.tables import migration_archive as archive


async def exists(connection: AsyncConnection) -> bool:
    """Whether the kernel's own first revision was applied: the archive is in it."""
    return (await connection.execute(select(func.to_regclass(archive.fullname)))).scalar() is not None


async def names(connection: AsyncConnection) -> tuple[str, ...]:
    """All names that have applied revisions."""
    if not await exists(connection):
        return ()
    found = await connection.execute(select(archive.c.name).distinct().order_by(archive.c.name))
    return tuple(found.scalars())


async def read(connection: AsyncConnection, name: str) -> History:
    """The revisions of `name` that are applied."""
    if not await exists(connection):
        return History(name, ())
    columns = (archive.c.revision, archive.c.down_revision, archive.c.phase, archive.c.message, archive.c.source)
    rows = await connection.execute(select(*columns).where(archive.c.name == name))
    return History(name, [Revision(*row) for row in rows])


async def add(connection: AsyncConnection, name: str, revision: Revision) -> None:
    """Note that the revision was applied: in the transaction that did it."""
    await connection.execute(
        insert(archive).values(
            name=name,
            revision=revision.id,
            down_revision=revision.down,
            phase=revision.phase,
            message=revision.message,
            source=revision.source,
        )
    )


async def remove(connection: AsyncConnection, name: str, revision: Revision) -> None:
    """Note that the revision was undone: in the transaction that did it."""
    await connection.execute(delete(archive).where(archive.c.name == name, archive.c.revision == revision.id))
