"""Migrations: up, down and away, with the wheel and without it."""

from __future__ import annotations

import asyncio
import csv
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from textwrap import dedent

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from serai.data import tables
from serai.data.connections import Connections
from serai.data.environment import new_revision
from serai.data.migrations import KERNEL_LOCATION, Migrations
from serai.errors import SeraiError


@pytest.fixture
async def connections(database_url: str) -> AsyncIterator[Connections]:
    opened = Connections(database_url, budget=7)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
async def migrations(connections: Connections) -> Migrations:
    """Of a database that has the kernel's own first revision."""
    made = Migrations(connections)
    await made.upgrade("serai", KERNEL_LOCATION, to="0001")
    return made


class Wheel:
    """A folder of migrations, as a plugin's wheel has it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def add(self, id_: str, up: str, down: str = "pass", *, phase: str | None = "expand", imports: str = "") -> None:
        before = None if id_ == "0001" else f'"{int(id_) - 1:04}"'
        lines = ["import sqlalchemy as sa", "from alembic import op", imports]
        lines += [f'revision = "{id_}"', f"down_revision = {before}"]
        lines += [f'phase = "{phase}"'] if phase else []
        lines += [f"def upgrade(): {up}", f"def downgrade(): {down}"]
        (self.folder / f"{id_}_step.py").write_text(f'"""Step {id_}."""\n' + "\n".join(lines) + "\n")

    def remove(self, id_: str) -> None:
        (self.folder / f"{id_}_step.py").unlink()


FAULT = ('op.create_table("fault", sa.Column("id", sa.Integer, primary_key=True))', 'op.drop_table("fault")')
TITLE = ('op.add_column("fault", sa.Column("title", sa.Text))', 'op.drop_column("fault", "title")')


@pytest.fixture
def wheel(tmp_path: Path) -> Wheel:
    made = Wheel(tmp_path / "migrations")
    made.add("0001", *FAULT)
    made.add("0002", *TITLE)
    return made


async def columns(connections: Connections, schema: str = "outage", table: str = "fault") -> list[str]:
    query = "select column_name from information_schema.columns where table_schema = $1 and table_name = $2 order by 1"
    async with connections.database("outage").raw() as raw:
        return [row[0] for row in await raw.fetch(query, schema, table)]


async def run(connections: Connections, statement: str) -> object:
    async with connections.database("outage").raw() as raw:
        return await raw.fetchval(statement)


async def test_up_down_up(connections: Connections, migrations: Migrations, wheel: Wheel) -> None:
    status = await migrations.status("outage", wheel.folder)
    assert (status.state, status.current, status.head) == ("empty", None, "0002")
    assert [(step.id, step.phase, step.message) for step in status.pending] == [
        ("0001", "expand", "Step 0001."),
        ("0002", "expand", "Step 0002."),
    ]
    applied = await migrations.upgrade("outage", wheel.folder, to="0001")
    assert [step.id for step in applied] == ["0001"]
    assert await columns(connections) == ["id"]
    assert (await migrations.status("outage", wheel.folder)).state == "behind"
    await migrations.upgrade("outage", wheel.folder)
    assert await columns(connections) == ["id", "title"]
    assert (await migrations.status("outage", wheel.folder)).state == "current"
    assert [step.id for step in await migrations.downgrade("outage", "base")] == ["0002", "0001"]
    assert await columns(connections) == []
    assert (await migrations.status("outage", wheel.folder)).state == "empty"
    await migrations.upgrade("outage", wheel.folder)
    assert await columns(connections) == ["id", "title"]
    assert await migrations.upgrade("outage", wheel.folder) == ()


async def test_the_kernels_tables_are_what_its_revisions_make(connections: Connections, migrations: Migrations) -> None:
    assert await migrations.names() == ("serai",)
    names = {tables.migration_archive.name}

    async with connections.database("serai").connect() as connection:
        context = await connection.run_sync(
            lambda c: MigrationContext.configure(
                c,
                opts={
                    "include_schemas": True,
                    "include_object": lambda thing, name, kind, *_: kind != "table" or name in names,
                    "include_name": lambda name, kind, _: kind != "schema" or name == "serai",
                },
            )
        )
        assert await connection.run_sync(lambda _: compare_metadata(context, tables.metadata)) == []


async def test_location_in_an_installed_package(
    migrations: Migrations, tmp_path: Path, wheel: Wheel, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "serai_located"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('looking at migrations must not import the plugin')")
    wheel.folder.rename(package / "migrations")
    monkeypatch.syspath_prepend(tmp_path)
    assert (await migrations.status("outage", "serai_located:migrations")).head == "0002"
    assert "serai_located" not in sys.modules
    with pytest.raises(SeraiError, match="serai_missing of the migrations"):
        await migrations.status("outage", "serai_missing:migrations")


async def test_down_after_the_wheel_is_gone(connections: Connections, migrations: Migrations, wheel: Wheel) -> None:
    await migrations.upgrade("outage", wheel.folder)
    shutil.rmtree(wheel.folder)
    assert await migrations.names() == ("outage", "serai")
    await migrations.downgrade("outage", "0001")
    assert await columns(connections) == ["id"]
    assert (await migrations.status("outage", None)).current == "0001"
    await migrations.downgrade("outage", "base")
    assert await columns(connections) == []


async def test_purge_exports_first(
    connections: Connections, migrations: Migrations, wheel: Wheel, tmp_path: Path
) -> None:
    await migrations.upgrade("outage", wheel.folder)
    await run(connections, "insert into outage.fault values (1, '断电, \"二期\"')")
    exported = await migrations.purge("outage", tmp_path / "exports")
    assert exported.stat().st_mode & 0o777 == 0o700
    with (exported / "fault.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [["id", "title"], ["1", '断电, "二期"']]
    assert {path.name for path in (exported / "revisions").iterdir()} == {"0001.py", "0002.py"}
    assert await run(connections, "select to_regnamespace('outage')") is None
    assert (await migrations.status("outage", wheel.folder)).state == "empty"
    await migrations.upgrade("outage", wheel.folder)
    assert await columns(connections) == ["id", "title"]


async def test_a_purge_that_cannot_export_drops_nothing(
    connections: Connections, migrations: Migrations, wheel: Wheel, tmp_path: Path
) -> None:
    await migrations.upgrade("outage", wheel.folder)
    (tmp_path / "file").write_text("")
    with pytest.raises(SeraiError, match="cannot be exported"):
        await migrations.purge("outage", tmp_path / "file")
    assert await columns(connections) == ["id", "title"]


async def test_contract_revisions_export_first(
    connections: Connections, migrations: Migrations, wheel: Wheel, tmp_path: Path
) -> None:
    await migrations.upgrade("outage", wheel.folder)
    await run(connections, "insert into outage.fault values (1, 'power')")
    wheel.add("0003", 'op.drop_column("fault", "title")', phase="contract")
    with pytest.raises(SeraiError, match="revision 0003 of outage takes something away"):
        await migrations.upgrade("outage", wheel.folder)
    assert await columns(connections) == ["id", "title"]
    await migrations.upgrade("outage", wheel.folder, export_to=tmp_path / "exports")
    assert await columns(connections) == ["id"]
    (exported,) = (tmp_path / "exports").iterdir()
    assert "power" in (exported / "fault.csv").read_text()


async def test_a_contract_revision_on_the_way_to_a_new_schema_needs_no_export(
    connections: Connections, migrations: Migrations, wheel: Wheel
) -> None:
    wheel.add("0003", 'op.drop_column("fault", "title")', phase="contract")
    await migrations.upgrade("outage", wheel.folder)
    assert await columns(connections) == ["id"]


async def test_a_failing_migration_leaves_nothing(
    connections: Connections, migrations: Migrations, wheel: Wheel
) -> None:
    wheel.add("0003", 'op.execute("select 1 / 0")')
    with pytest.raises(SeraiError, match="by its revision 0003 failed: division by zero"):
        await migrations.upgrade("outage", wheel.folder)
    assert await run(connections, "select to_regnamespace('outage')") is None
    assert await migrations.names() == ("serai",)
    wheel.remove("0003")
    await migrations.upgrade("outage", wheel.folder)


async def test_two_at_once(connections: Connections, migrations: Migrations, wheel: Wheel, database_url: str) -> None:
    other = Connections(database_url, budget=3)
    await other.open()
    try:
        answers = await asyncio.gather(
            migrations.upgrade("outage", wheel.folder),
            Migrations(other).upgrade("outage", wheel.folder),
            migrations.upgrade("isapi", wheel.folder),  # the same revision ids in another schema
        )
    finally:
        await other.close()
    assert sorted(len(applied) for applied in answers[:2]) == [0, 2]
    assert len(answers[2]) == 2
    assert await columns(connections) == await columns(connections, "isapi") == ["id", "title"]


async def test_an_older_wheel_on_a_newer_schema(migrations: Migrations, wheel: Wheel, tmp_path: Path) -> None:
    wheel.add("0003", 'op.create_table("note", sa.Column("id", sa.Integer))', 'op.drop_table("note")')
    wheel.add("0004", 'op.drop_column("fault", "title")', phase="contract")
    await migrations.upgrade("outage", wheel.folder, to="0003")
    wheel.add("0005", "pass")
    await migrations.upgrade("outage", wheel.folder, to="0003")
    newer = wheel.folder.rename(tmp_path / "newer")
    older = Wheel(wheel.folder)
    older.add("0001", *FAULT)
    older.add("0002", *TITLE)
    status = await migrations.status("outage", older.folder)
    assert (status.state, status.current, status.head) == ("ahead-expand", "0003", "0002")
    with pytest.raises(
        SeraiError, match="revision 0003, which the installed version does not know: its last one is 0002"
    ):
        await migrations.upgrade("outage", older.folder)
    await migrations.upgrade("outage", newer, export_to=tmp_path / "exports")
    assert (await migrations.status("outage", older.folder)).state == "ahead"


async def test_a_schema_of_another_history_is_ahead(migrations: Migrations, wheel: Wheel) -> None:
    await migrations.upgrade("outage", wheel.folder)
    for path in wheel.folder.glob("*.py"):
        path.write_text(path.read_text().replace('"000', '"900'))
    assert (await migrations.status("outage", wheel.folder)).state == "ahead"


async def test_the_plan_changes_nothing(connections: Connections, migrations: Migrations, wheel: Wheel) -> None:
    wheel.add("0003", 'print(op.get_bind().execute(sa.text("select 1")).scalar())')
    first, second, third = await migrations.plan("outage", wheel.folder)
    assert "CREATE TABLE fault" in first.sql
    assert "ALTER TABLE fault ADD COLUMN title TEXT" in second.sql
    assert third.sql.startswith("-- 0003 cannot be shown: it needs the database")
    assert (second.revision.id, second.revision.phase) == ("0002", "expand")
    assert (await migrations.status("outage", wheel.folder)).state == "empty"
    assert await run(connections, "select to_regnamespace('outage')") is None


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ('op.create_table("t", sa.Column("id", sa.Integer), schema="public")', "makes or changes public.t"),
        ('op.execute("create schema other create table t (id int)")', "makes or changes other.t"),
        ('op.add_column("migration_archive", sa.Column("x", sa.Text), schema="serai")', "serai.migration_archive"),
        ('op.execute("create extension citext schema public")', "makes the extension citext"),
        (
            'op.execute("create table t (name text, revision text, foreign key (name, revision) '
            'references serai.migration_archive)")',
            "has a foreign key to serai.migration_archive",
        ),
    ],
)
async def test_reaching_beyond_the_own_schema_is_refused(
    migrations: Migrations, wheel: Wheel, statement: str, sentence: str
) -> None:
    wheel.add("0003", statement)
    with pytest.raises(SeraiError, match="reaches beyond its own schema") as refusal:
        await migrations.upgrade("outage", wheel.folder)
    assert sentence in str(refusal.value)
    assert (await migrations.status("outage", wheel.folder)).state == "empty"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"imports": "from serai_outage.tables import fault"}, r"imports serai_outage.tables in line \d+"),
        ({"imports": "import attrs"}, "imports attrs"),
        ({"imports": "from . import helpers"}, r"imports \. in line"),
        ({"phase": None}, 'expected phase = "expand" or phase = "contract", found nothing'),
        ({"phase": "later"}, "found 'later'"),
    ],
)
async def test_files_that_break_a_rule(
    migrations: Migrations, wheel: Wheel, change: dict[str, str | None], sentence: str
) -> None:
    wheel.add("0003", "pass", **change)  # type: ignore[arg-type]
    with pytest.raises(SeraiError, match=sentence) as refusal:
        await migrations.status("outage", wheel.folder)
    assert "0003_step.py of outage" in str(refusal.value)


async def test_branches_are_refused(migrations: Migrations, wheel: Wheel) -> None:
    twin = (wheel.folder / "0002_step.py").read_text().replace('revision = "0002"', 'revision = "0002b"')
    (wheel.folder / "0002_twin.py").write_text(twin)
    with pytest.raises(SeraiError, match="is not on the one line from the first to the last"):
        await migrations.status("outage", wheel.folder)


async def test_plugins_come_after_the_kernel(connections: Connections, wheel: Wheel) -> None:
    with pytest.raises(SeraiError, match="before the kernel's own"):
        await Migrations(connections).upgrade("outage", wheel.folder)


async def test_the_kernels_own_schema_stays(migrations: Migrations, tmp_path: Path) -> None:
    with pytest.raises(SeraiError, match="cannot be undone"):
        await migrations.downgrade("serai", "base")
    with pytest.raises(SeraiError, match="cannot be purged"):
        await migrations.purge("serai", tmp_path)


async def test_a_revision_that_nobody_knows(migrations: Migrations, wheel: Wheel) -> None:
    await migrations.upgrade("outage", wheel.folder)
    with pytest.raises(SeraiError, match="outage has no revision 0007"):
        await migrations.downgrade("outage", "0007")
    with pytest.raises(SeraiError, match="outage has no revision 0007"):
        await migrations.upgrade("outage", wheel.folder, to="0007")
    for name in ("smsdb", "public"):
        with pytest.raises(SeraiError, match=f"{name} is no schema that Serai has migrated"):
            await migrations.purge(name, wheel.folder)


async def test_a_new_revision_is_a_working_one(
    connections: Connections, migrations: Migrations, wheel: Wheel, tmp_path: Path
) -> None:
    path = new_revision(wheel.folder, "outage", "Who reported it", "expand")
    assert path.name == "0003_who_reported_it.py"
    assert path.read_text() == dedent('''\
        """Who reported it."""

        import sqlalchemy as sa
        from alembic import op

        revision = "0003"
        down_revision = "0002"
        phase = "expand"


        def upgrade() -> None:
            ...


        def downgrade() -> None:
            ...
    ''').replace('"0003"', "'0003'").replace('"0002"', "'0002'").replace('"expand"', "'expand'")
    await migrations.upgrade("outage", wheel.folder)
    assert (await migrations.status("outage", wheel.folder)).current == "0003"
    first = new_revision(tmp_path / "100% new", "smsdb", "Texts", "expand")
    assert first.name == "0001_texts.py"


async def test_the_kernels_own_schema_is_migrated_by_one_of_several_that_start_at_once(database_url: str) -> None:
    """Each has seen before that nothing is there: a session's own memory of that must not count."""

    async def start() -> int:
        connections = Connections(database_url, 4)
        await connections.open()
        try:
            migrations = Migrations(connections)
            assert (await migrations.status("serai", KERNEL_LOCATION)).state == "empty"
            await all_have_looked.wait()
            return len(await migrations.upgrade("serai", KERNEL_LOCATION))
        finally:
            await connections.close()

    all_have_looked = asyncio.Barrier(3)
    applied = sorted(await asyncio.gather(start(), start(), start()))
    assert applied[:2] == [0, 0]
    assert applied[2] > 0
