"""The state directory and its lock."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from serai.errors import SeraiError


class InUse(SeraiError):
    """Another process holds the state directory."""


@contextlib.contextmanager
def locked(state_dir: Path) -> Iterator[None]:
    """Hold the state directory alone: who starts the embedded PostgreSQL must. The lock ends with the process."""
    run = state_dir / "run"
    try:
        run.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = (run / "serai.lock").open("a+")
    except OSError as error:
        raise SeraiError(
            f"the state directory {state_dir} cannot be used: {error.strerror}",
            hint="Set kernel.state_dir to a folder that this account may write.",
        ) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise InUse(
                f"another serai (process {file.read().strip() or 'unknown'}) uses the state directory {state_dir}",
                hint="Stop it, or give this deployment a kernel.state_dir of its own.",
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
