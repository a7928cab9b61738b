"""The state directory and its lock."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO

from serai.data.postmaster import lives
from serai.errors import SeraiError

_POLL = 0.05


class InUse(SeraiError):
    """Another process holds the state directory."""


@asynccontextmanager
async def locked(state_dir: Path, show: Callable[[str], None]) -> AsyncIterator[int]:
    """Hold the state directory alone: who starts the embedded PostgreSQL must. Yields the lock's descriptor.

    Whoever inherits the descriptor holds the lock too: the workers do, so that after a kill of their supervisor the
    next one waits until the last of them has ended, and finds port and devices free. Raises `InUse`.
    """
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
        await _take(file, state_dir, show)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield file.fileno()


async def _take(file: IO[str], state_dir: Path, show: Callable[[str], None]) -> None:
    shown = False
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip()
        else:
            return
        if not holder.isdecimal() or lives(int(holder)):
            raise InUse(
                f"another serai (process {holder or 'unknown'}) uses the state directory {state_dir}",
                hint="Stop it, or give this deployment a kernel.state_dir of its own.",
            )
        if not shown:
            show(f"the workers of an earlier serai (process {holder}, which was killed) are still ending")
            shown = True
        await asyncio.sleep(_POLL)
