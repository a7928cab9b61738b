"""What Serai needs of a PostgreSQL, and how it is said that something is missing."""

from __future__ import annotations

import asyncpg

from serai.data.binaries import OLDEST_MAJOR
from serai.errors import SeraiError

EXTENSIONS = ("btree_gist", "pg_trgm")
"""Made in the schema `public`; migrations make none."""

_LOCK = 0x5E4A2  # the key of an advisory lock; any number that nobody else uses


async def make_extensions(connection: asyncpg.Connection) -> None:
    """Make the extensions that are missing. Raises asyncpg's error where this role may not."""
    async with connection.transaction():
        # `if not exists` does not see what another process is making just now, and fails then.
        await connection.execute("select pg_advisory_xact_lock($1)", _LOCK)
        for name in EXTENSIONS:
            await connection.execute(f"create extension if not exists {name} schema public")


async def check(connection: asyncpg.Connection) -> None:
    """Raise `SeraiError` where this database does not do for Serai; make the extensions that are missing."""
    version = connection.get_server_version()
    if version.major < OLDEST_MAJOR:
        raise SeraiError(
            f"The database is PostgreSQL {version.major}, but Serai needs {OLDEST_MAJOR} or newer.",
            hint="upgrade the server, or set kernel.database to the URL of another",
        )
    database = await connection.fetchval("select current_database()")
    encoding = await connection.fetchval("show server_encoding")
    if encoding != "UTF8":
        raise SeraiError(
            f"The database {database} has the encoding {encoding}, but Serai needs UTF8.", hint=_make_anew(database)
        )
    await _check_extensions(connection, database)
    if not await connection.fetchval("select public.show_trgm('张伟国')"):
        locale = await connection.fetchval("select datctype from pg_database where datname = current_database()")
        raise SeraiError(
            f"The database {database} has the locale {locale}, in which pg_trgm finds nothing written in Chinese.",
            hint=_make_anew(database),
        )


async def _check_extensions(connection: asyncpg.Connection, database: str) -> None:
    try:
        await make_extensions(connection)
    except asyncpg.PostgresError as error:
        raise SeraiError(
            f"The extensions {' and '.join(EXTENSIONS)} cannot be made in the database {database}: {error.args[0]}.",
            hint=f"let the owner of {database} run: create extension {'; create extension '.join(EXTENSIONS)}",
        ) from error
    found = await connection.fetch(
        "select extname, extnamespace::regnamespace::text as schema from pg_extension where extname = any($1)",
        EXTENSIONS,
    )
    for row in found:
        if row["schema"] != "public":
            name, schema = row["extname"], row["schema"]
            raise SeraiError(
                f"The extension {name} of the database {database} is in the schema {schema}, not in public.",
                hint=f"alter extension {name} set schema public",
            )


def _make_anew(database: str) -> str:
    return f"make it with: create database {database} template template0 encoding 'UTF8' locale 'C.UTF-8'"
