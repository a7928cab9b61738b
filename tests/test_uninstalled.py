"""What a plugin has left in the database can be taken back or away when its wheel is no longer there."""

from __future__ import annotations

import csv
import json

import pytest

PLUGIN = """
from contextlib import asynccontextmanager
from serai import PluginInfo, hookimpl

@hookimpl
def plugin_info():
    return PluginInfo(title="Shelf", kernel=">=1.0,<2")

@hookimpl
def register_migrations():
    return "serai_shelf:migrations"

@hookimpl
@asynccontextmanager
async def lifespan(ctx):
    async with ctx.db.raw() as connection:
        await connection.execute("insert into shelf.book (title, author) values ('红楼梦', '曹雪芹')")
    yield
"""

FIRST = """
import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
phase = "expand"


def upgrade():
    op.create_table("book", sa.Column("title", sa.Text, nullable=False), schema="shelf")


def downgrade():
    op.drop_table("book", schema="shelf")
"""

SECOND = """
import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
phase = "expand"


def upgrade():
    op.add_column("book", sa.Column("author", sa.Text), schema="shelf")


def downgrade():
    op.drop_column("book", "author", schema="shelf")
"""

TOML = f"""
[kernel]
plugins = [PLUGINS]
keys = ["{"k" * 48}"]
"""


@pytest.fixture(scope="module")
def site(install_wheels):
    return install_wheels(
        {"shelf": {"plugin.py": PLUGIN, "migrations/0001_book.py": FIRST, "migrations/0002_author.py": SECOND}}
    )


@pytest.fixture
def uninstalled(run_serai, site):
    """A deployment that ran with the plugin, whose wheel is gone since; the file no longer names it."""
    serai = run_serai(TOML.replace("PLUGINS", '"shelf"'), site)
    serai.start()
    serai.wait_ready()
    assert serai.status()["shelf"]["state"] == "running"
    assert serai.stop() == 0
    del serai.environment["PYTHONPATH"]
    serai.file.write_text(TOML.replace("PLUGINS", ""))
    return serai


def schema(serai):
    rows = {row["name"]: row for row in json.loads(serai.cli("db", "status", "--json").stdout)}
    return rows.get("shelf")


def titles(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_downgrade_and_purge_without_the_wheel(uninstalled):
    serai = uninstalled
    assert (schema(serai)["state"], schema(serai)["current"]) == ("none", "0002")

    serai.cli("db", "downgrade", "shelf", "--to", "0001", "--yes")
    assert schema(serai)["current"] == "0001"
    [before] = serai.state_dir.glob("exports/shelf/**/book.csv")
    assert titles(before) == [{"title": "红楼梦", "author": "曹雪芹"}]

    exported = serai.folder / "kept"
    serai.cli("db", "purge", "shelf", "--export", str(exported), "--yes")
    assert schema(serai) is None
    [last] = exported.glob("**/book.csv")
    assert titles(last) == [{"title": "红楼梦"}]


def test_a_kernel_runs_without_the_wheel_and_purges_beside_it(uninstalled):
    serai = uninstalled
    serai.file.write_text(TOML.replace("PLUGINS", '"shelf"'))
    serai.start()
    serai.wait_ready()
    assert serai.status()["shelf"]["reason_code"] == "not-installed"
    serai.cli("db", "purge", "shelf", "--yes")
    assert schema(serai) is None
    again = serai.cli("db", "purge", "shelf", "--yes", ok=False)
    assert again.returncode == 1
    assert "nothing to purge" in again.stderr
    assert serai.stop() == 0
