"""The revisions make the tables that the code declares."""

from __future__ import annotations

import runpy
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import inspect, text
from sqlalchemy.ext.asyncio import create_async_engine

import serai_isapi
from serai_isapi import tables


async def test_the_revisions_make_what_the_tables_declare_and_take_it_away(database_url):
    def compare(connection):
        options = {
            "include_schemas": True,
            "include_name": lambda name, kind, parents: (
                name == "isapi" if kind == "schema" else kind != "table" or f"isapi.{name}" in tables.metadata.tables
            ),
        }
        return compare_metadata(MigrationContext.configure(connection, opts=options), tables.metadata)

    def run(connection, direction):
        scripts = sorted((Path(serai_isapi.__file__).parent / "migrations").glob("[0-9]*.py"))
        with Operations.context(MigrationContext.configure(connection)):
            for script in scripts if direction == "upgrade" else reversed(scripts):
                runpy.run_path(str(script))[direction]()
        return inspect(connection).get_table_names(schema="isapi")

    engine = create_async_engine(database_url.replace("postgresql://", "postgresql+asyncpg://"))
    async with engine.begin() as connection:
        await connection.execute(text("create schema isapi"))
        assert await connection.run_sync(run, "upgrade")
        assert await connection.run_sync(compare) == []
        assert await connection.run_sync(run, "downgrade") == []
    await engine.dispose()
