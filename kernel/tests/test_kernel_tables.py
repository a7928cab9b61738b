from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from serai.data.connections import Connections
from serai.data.migrations import KERNEL_LOCATION, Migrations
from serai.data.tables import metadata
from serai.identity import clients


def ours(name, kind, _parents) -> bool:
    """The queue's tables are compared with what PgQueuer expects, in their own test."""
    return name == "serai" if kind == "schema" else not (kind == "table" and name.startswith("pgqueuer"))


async def test_the_kernels_revisions_make_the_tables_that_its_rooms_declare(database_url):
    def differences(connection):
        options = {"include_schemas": True, "include_name": ours}
        return compare_metadata(MigrationContext.configure(connection, opts=options), metadata)

    connections = Connections(database_url, budget=3)
    await connections.open()
    try:
        await Migrations(connections).upgrade("serai", KERNEL_LOCATION)
        async with connections.database("serai").connect() as connection:
            found = await connection.run_sync(differences)
    finally:
        await connections.close()
    assert [change for change in found if change[0] != "remove_table"] == []  # but Alembic's own version table


async def test_a_suspended_client_is_not_served_again_by_going_back(database_url):
    connections = Connections(database_url, budget=3)
    await connections.open()
    try:
        migrations = Migrations(connections)
        await migrations.upgrade("serai", KERNEL_LOCATION)
        database = connections.database("serai")
        await clients.add(database, name="kept", owner="x", scopes=[])
        await clients.add(database, name="refused", owner="x", scopes=[])
        await clients.suspend(database, "refused", by="x", reason="x")
        await migrations.downgrade("serai", "0004")
        async with database.raw() as connection:
            served = await connection.fetch("select name from serai.client where revoked_at is null")
        assert [row["name"] for row in served] == ["kept"]
        await migrations.upgrade("serai", KERNEL_LOCATION)
        assert (await clients.find(database, "kept")).version == 1
    finally:
        await connections.close()
