"""PostgreSQL as a child of this process: nothing to install or set up, for a demo, a laptop or a small site."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import IO

import asyncpg

from serai.data import death_guard, requirements
from serai.data.account import account_for
from serai.data.binaries import Binaries, choose, installed
from serai.data.cluster import initialise, postgres_command
from serai.data.layout import DATABASE, RUNTIME_ROLE, SUPERUSER, Layout, new_password
from serai.data.postmaster import PidFile, processes
from serai.errors import SeraiError

_POLL = 0.02
_REPORT_EVERY = 5.0
_STOP_LIMIT = 20.0
_LONGEST_LOG = 10 * 1024 * 1024
_LAST_LINES = 5
_LONGEST_REASON = 300  # where files are copied, a full disk has as many reasons as files


class EmbeddedServer:
    """A PostgreSQL whose data and passwords belong to one state directory, and which ends when this process does.

    `report` gets the sentences that an operator should read. Start it from the main thread's event loop (see
    `death_guard`). `locate` finds the installations of PostgreSQL, the preferred one first.
    """

    def __init__(
        self,
        state_dir: Path,
        report: Callable[[str], None],
        *,
        locate: Callable[[], Sequence[Binaries]] = installed,
    ) -> None:
        self._layout = Layout(state_dir)
        self._report = report
        self._locate = locate
        self._process: Process | None = None
        self._lock: IO[bytes] | None = None
        self._socket_folder: Path | None = None
        self._dsn = ""
        self._outside = ""

    @property
    def dsn(self) -> str:
        """How to reach the database as its owner, over the socket. It holds the password: never show it."""
        return self._dsn

    @property
    def outside(self) -> str:
        """What of the server is not in the state directory, in one sentence for people."""
        return self._outside

    async def start(self) -> None:
        """Make the database where there is none, start the server and return when it answers.

        After `wait` has ended, starting again recovers what was committed. Raises `SeraiError` when it cannot start.
        """
        try:
            await self._start()
        except OSError as error:
            reason = f"{error.strerror}: {error.filename}" if error.strerror else str(error)[:_LONGEST_REASON]
            raise SeraiError(
                f"PostgreSQL cannot be started in {self._layout.state_dir}: {reason}.",
                hint="the state directory must be on a disk that is not full, and writable for this account",
            ) from error
        except asyncpg.PostgresError as error:
            raise SeraiError(
                f"PostgreSQL started, but its database cannot be set up: {error.args[0]}.",
                hint=f"the server's own words are in {self._layout.log}",
            ) from error
        finally:
            if self._process is None:
                self._unlock()

    async def wait(self) -> None:
        """Return when the server has ended, for whatever reason."""
        if self._process is not None:
            await self._process.wait()

    async def stop(self) -> None:
        """End the server: sessions are cut off, nothing committed is lost. After a limit, without its clean ending."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.send_signal(signal.SIGINT)  # fast shutdown
            try:
                await asyncio.wait_for(process.wait(), _STOP_LIMIT)
            except TimeoutError:
                self._report(f"PostgreSQL did not stop within {_STOP_LIMIT:.0f} s and is ended; it will recover.")
                process.send_signal(signal.SIGQUIT)  # immediate shutdown
                await process.wait()
        if self._socket_folder is not None:
            with contextlib.suppress(OSError):  # something is left in it after an unclean ending; the next start knows
                self._socket_folder.rmdir()
        self._unlock()

    async def _start(self) -> None:
        layout = self._layout
        account = account_for(layout.data)
        layout.prepare(account)
        self._take_lock()
        binaries = choose(layout.data, await asyncio.to_thread(self._locate))
        if binaries.parts and not account.is_ours:
            binaries = await asyncio.to_thread(binaries.copied_to, layout.home / "binaries")
        await self._clear_leftovers()
        if not layout.data.exists():
            await initialise(binaries, layout, account)
        elif not layout.has_password(SUPERUSER):
            raise SeraiError(
                f"The data directory {layout.data} is there, but its password file in {layout.state_dir} is missing.",
                hint="bring back the file postgresql-postgres.password from the backup of the state directory",
            )
        self._socket_folder = socket_folder = layout.socket_folder(account)
        self._outside = layout.outside(account, socket_folder)
        with _opened_log(layout.log) as log:
            self._process = await death_guard.start(postgres_command(binaries, layout, socket_folder), account, log)
        try:
            await self._until_ready(self._process)
            await _set_up(layout, socket_folder)
        except BaseException:
            await self.stop()
            raise
        self._dsn = layout.dsn(RUNTIME_ROLE, DATABASE, socket_folder)

    async def _until_ready(self, process: Process) -> None:
        """Recovery after a crash takes as long as it takes: only the server's own end is a failure."""
        async for _ in self._patience("PostgreSQL is recovering what was committed before it was cut off"):
            pid_file = PidFile.read(self._layout.data)
            # A killed server leaves a file that says ready: it must be this one's.
            if pid_file is not None and pid_file.pid == process.pid and pid_file.ready:
                return
            if process.returncode is not None:
                raise SeraiError(
                    f"PostgreSQL did not start; the last it said: {_last_lines(self._layout.log)}",
                    hint=f"all of it is in {self._layout.log}",
                )

    async def _clear_leftovers(self) -> None:
        """Wait for the end of a server whose starter was killed; end what a killed server left behind.

        We hold the lock, so nobody else wants them.
        """
        data = self._layout.data
        async for attempt in self._patience("An earlier PostgreSQL on this state directory is still stopping"):
            found = processes(data)
            if not found:
                return
            if attempt == 0:
                _signal(found, signal.SIGQUIT)  # immediate shutdown: the only one that ends in every state

    async def _patience(self, what: str) -> AsyncIterator[int]:
        """Count polls, and say `what` every few seconds."""
        clock = asyncio.get_running_loop().time
        began = said = clock()
        attempt = 0
        while True:
            yield attempt
            attempt += 1
            await asyncio.sleep(_POLL)
            if clock() - said >= _REPORT_EVERY:
                said = clock()
                self._report(f"{what} ({said - began:.0f} s so far)")

    def _take_lock(self) -> None:
        """One process at a time runs the server of a state directory; the lock ends with the process that holds it."""
        if self._lock is not None:
            return
        lock = self._layout.lock.open("ab")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise SeraiError(
                f"Another process already runs the PostgreSQL of {self._layout.state_dir}.",
                hint="stop it first, or choose another state directory",
            ) from None
        self._lock = lock

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def attach(state_dir: Path) -> str | None:
    """The DSN of the state directory's server when one is running, for a command beside it; None when none is.

    Raises `SeraiError` for an account that may not read the state directory.
    """
    layout = Layout(state_dir)
    try:
        pid_file = PidFile.read(layout.data)
        if pid_file is None or not pid_file.ready or pid_file.socket_folder is None:
            return None
        if pid_file.pid not in processes(layout.data) or not layout.has_password(RUNTIME_ROLE):
            return None
        return layout.dsn(RUNTIME_ROLE, DATABASE, pid_file.socket_folder)
    except PermissionError as error:
        raise SeraiError(
            f"The embedded PostgreSQL of {layout.state_dir} is another account's: {error.filename} cannot be read.",
            hint="run the command as the account that runs Serai, or as root",
        ) from error


async def _set_up(layout: Layout, socket_folder: Path) -> None:
    """Make what is missing of role, database and extensions: also after a first start that was cut short."""
    server = await asyncpg.connect(layout.dsn(SUPERUSER, SUPERUSER, socket_folder))
    try:
        if not await server.fetchval("select true from pg_roles where rolname = $1", RUNTIME_ROLE):
            await server.execute(f"create role {RUNTIME_ROLE}")
        if not await server.fetchval("select true from pg_database where datname = $1", DATABASE):
            await server.execute(f"create database {DATABASE} owner {RUNTIME_ROLE}")
    finally:
        await server.close()
    database = await asyncpg.connect(layout.dsn(SUPERUSER, DATABASE, socket_folder))
    try:
        await requirements.make_extensions(database)
        await database.execute("set log_min_error_statement = panic")  # a password must not get into the log
        password = layout.password(RUNTIME_ROLE) if layout.has_password(RUNTIME_ROLE) else new_password()
        await database.execute(f"alter role {RUNTIME_ROLE} login nosuperuser password '{password}'")
        layout.keep_password(RUNTIME_ROLE, password)  # the last step: from now on `attach` gives it to commands
    finally:
        await database.close()


def _signal(pids: Sequence[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _opened_log(path: Path) -> IO[bytes]:
    """The server's log, begun anew when it has grown long: the one before is kept beside it."""
    if path.exists() and path.stat().st_size > _LONGEST_LOG:
        path.rename(path.with_suffix(".log.1"))
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")


def _last_lines(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 4096))
        return " | ".join(file.read().decode("utf-8", "replace").splitlines()[-_LAST_LINES:])
