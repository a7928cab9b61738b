"""Making a data directory, and the command that runs PostgreSQL on it."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from serai.data import death_guard
from serai.data.account import Account
from serai.data.binaries import Binaries
from serai.data.layout import PORT, SUPERUSER, Layout
from serai.errors import SeraiError

# Appended to PostgreSQL's own postgresql.conf when the data directory is made; an operator may change it there.
_CONFIGURATION = """
# Set by Serai. Names and values that people entered stay out of the log: no statements, no DETAIL.
max_connections = 200  # ten processes with the usual budget of 20
shared_buffers = 128MB
password_encryption = 'scram-sha-256'
timezone = 'UTC'
log_timezone = 'UTC'
log_checkpoints = off
log_line_prefix = '%m [%p] %a '
log_error_verbosity = terse
log_min_error_statement = panic
"""


def initdb_command(binaries: Binaries, data: Path, password_file: Path) -> list[str | Path]:
    """The initdb that makes `data`: UTF-8, and a locale in which pg_trgm sees Chinese, which it does not in plain C."""
    command: list[str | Path] = [binaries.folder / "initdb", "-D", data, "-U", SUPERUSER, "-E", "UTF8"]
    command += ["-A", "scram-sha-256", "--pwfile", password_file, "--locale=C.UTF-8"]
    if binaries.major >= 17:  # PostgreSQL's own C.UTF-8 sorts the same on every machine and after every upgrade
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return command


def postgres_command(binaries: Binaries, layout: Layout, socket_folder: Path) -> list[str | Path]:
    """The server: reachable through the socket in `socket_folder` alone."""
    settings = {
        "listen_addresses": "",
        "port": str(PORT),
        "unix_socket_directories": str(socket_folder),
        "unix_socket_permissions": "0700",
        "logging_collector": "off",
    }
    command: list[str | Path] = [binaries.folder / "postgres", "-D", layout.data]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    return command


async def initialise(binaries: Binaries, layout: Layout, account: Account) -> None:
    """Make the data directory: a draft first, so that what was cut short is never taken for a whole one."""
    draft = layout.data.with_name("data.new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    account.own(draft)
    password_file = layout.home / "initdb.password"
    password_file.unlink(missing_ok=True)
    with os.fdopen(os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(layout.password(SUPERUSER))
    account.own(password_file)  # initdb runs as the account
    try:
        with tempfile.TemporaryFile() as output:
            process = await death_guard.start(initdb_command(binaries, draft, password_file), account, output)
            status = await process.wait()
            output.seek(0)
            said = output.read().decode("utf-8", "replace")
    finally:
        password_file.unlink()
    if status != 0:
        raise SeraiError(
            f"initdb of PostgreSQL {binaries.version} could not make {layout.data}: {_complaints(said)}",
            hint="is the disk full, or the folder out of reach of the account that runs PostgreSQL?",
        )
    with (draft / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.write(_CONFIGURATION)
        file.flush()
        os.fsync(file.fileno())  # initdb has done so for all the rest
    draft.rename(layout.data)


def _complaints(said: str) -> str:
    lines = [line for line in said.splitlines() if "error" in line.lower() or "fatal" in line.lower()]
    return " | ".join(lines or said.splitlines()[-3:])
