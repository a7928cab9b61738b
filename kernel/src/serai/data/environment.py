"""Alembic, run on one schema and the revisions that we hand to it.

`alembic.op` and `alembic.context` are globals of the process: whoever calls this holds the lock of `migrations`.
"""

from __future__ import annotations

import argparse
import io
import logging
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from serai.data.revisions import VERSION_TABLE, Phase, Revision, find, read
from serai.errors import SeraiError

_HOME = Path(__file__).parent / "alembic"

logging.getLogger("alembic").setLevel(logging.WARNING)  # it tells its implementation's name for every look


def step_up(connection: Connection, name: str, revision: Revision, known: Iterable[Revision]) -> None:
    """Apply one revision. Raises `SeraiError` with the reason where it fails."""
    with _config(name, known) as config:
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, revision.id)
        except Exception as error:
            raise _failed("upgrade", name, revision, error) from error


def step_down(connection: Connection, name: str, revision: Revision, known: Iterable[Revision]) -> None:
    """Undo one revision. Raises `SeraiError` with the reason where it fails."""
    with _config(name, known) as config:
        config.attributes["connection"] = connection
        try:
            command.downgrade(config, revision.down or "base")
        except Exception as error:
            raise _failed("downgrade", name, revision, error) from error


def sql(name: str, revision: Revision, known: Iterable[Revision]) -> str:
    """The statements of one revision; a comment where it looks at the data first, so that nobody can tell."""
    with _config(name, known) as config:
        output = config.output_buffer = io.StringIO()
        try:
            command.upgrade(config, f"{revision.down or 'base'}:{revision.id}", sql=True)
        except Exception as error:  # noqa: BLE001 - without a connection a revision may fail in any way
            return f"-- {revision.id} cannot be shown: it needs the database ({_reason(error)})\n"
        return output.getvalue()


def new_revision(location: str | Path, name: str, message: str, phase: Phase) -> Path:
    """Write the file of the next revision and return its path: `0007_what_it_does.py`."""
    folder = find(location)
    folder.mkdir(parents=True, exist_ok=True)
    head = read(name, folder).head
    if head is not None and not head.isdecimal():
        raise SeraiError(
            f"The last revision of {name} is {head}, and what follows it cannot be counted.",
            hint="write the next one by hand, or number the revisions: 0001, 0002",
        )
    config = _config_for(name, folder)
    config.attributes["phase"] = phase
    script = command.revision(config, message, rev_id=f"{int(head or 0) + 1:04}")
    if script is None or isinstance(script, list):
        raise TypeError("alembic makes one script a call")
    return Path(script.path)


@contextmanager
def _config(name: str, known: Iterable[Revision]) -> Iterator[Config]:
    """A config whose revisions are written to a folder that vanishes: the wheel's, or the archive's when it is gone."""
    with tempfile.TemporaryDirectory(prefix="serai-migrations-") as folder:
        for revision in known:
            (Path(folder) / f"{revision.id}.py").write_text(revision.source, "utf-8")
        yield _config_for(name, Path(folder))


def _config_for(name: str, folder: Path) -> Config:
    config = Config(cmd_opts=argparse.Namespace(quiet=True))
    for option, value in {
        "script_location": str(_HOME),
        "version_locations": str(folder),
        "path_separator": "newline",
    }.items():
        config.set_main_option(option, value.replace("%", "%%"))  # a percent sign in a path is none of configparser's
    options: dict[str, Any] = {"version_table": VERSION_TABLE, "version_table_schema": name}
    config.attributes["options"] = options
    return config


def _failed(verb: str, name: str, revision: Revision, error: Exception) -> SeraiError:
    return SeraiError(
        f"The {verb} of {name} by its revision {revision.id} failed: {_reason(error)}.",
        hint="nothing was changed",
    )


def _reason(error: Exception) -> str:
    """The first line of what went wrong: those after it may hold values of rows."""
    if isinstance(error, DBAPIError):
        return str(error.orig).splitlines()[0]
    return f"{type(error).__name__}: {error}".splitlines()[0]
