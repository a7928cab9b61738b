"""Starting a program that must not outlive us, not even when we are killed.

The kernel of Linux sends the signal: `setpriv --pdeathsig` asks for it or, where that program is missing, `prctl(2)`
between fork and exec. It is tied to the thread that starts the program, so that must be the main thread, never one of a
pool. Elsewhere a pipe that only we hold open ends when we do, and a shell beside the program watches it.

The signal is SIGQUIT, PostgreSQL's immediate shutdown: nobody is left who could ask again, and the fast one, SIGINT,
never ends where it comes while PostgreSQL 18 starts its processes anew after one of them died (seen with 18.6, every
time). Nothing committed is lost by it; the next start recovers.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from serai.data.account import Account

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_LIBC = ctypes.CDLL(None)  # loaded beforehand: nothing may be imported between fork and exec

# The shell becomes the program (`exec`), so its process number is the program's; its child waits for the pipe's end.
_WATCHED = 'exec 3<&0; (cat <&3 >/dev/null; kill -QUIT $$) & exec "$@" 3<&- </dev/null'
_watches: set[asyncio.Task[None]] = set()


async def start(command: Sequence[str | Path], account: Account, output: IO[bytes]) -> Process:
    """Start `command` as `account`, in a session of its own; it gets SIGQUIT when this process ends in any way.

    A session of its own keeps a terminal's Ctrl-C from it: we stop it when those who use it have ended.
    """
    options: dict[str, Any] = {
        "stdin": DEVNULL,
        "stdout": output,
        "stderr": output,
        "cwd": "/",
        "env": {"PATH": os.environ.get("PATH", os.defpath)},  # PGPORT and the like are not meant for it
        "start_new_session": True,
    }
    words = [str(word) for word in command]
    if sys.platform != "linux":
        return await _start_watched(words, account, options)
    if await _has_setpriv():
        return await asyncio.create_subprocess_exec(*setpriv_command(account), *words, **options)

    def ask_for_signal() -> None:
        account.become()
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)

    return await asyncio.create_subprocess_exec(*words, preexec_fn=ask_for_signal, **options)


async def _start_watched(words: list[str], account: Account, options: dict[str, Any]) -> Process:
    reader, writer = os.pipe()
    try:
        options |= {"stdin": reader, "preexec_fn": account.become}
        process = await asyncio.create_subprocess_exec("/bin/sh", "-c", _WATCHED, "serai-guard", *words, **options)
    except BaseException:
        os.close(writer)
        raise
    finally:
        os.close(reader)

    async def release() -> None:
        """End the watch with the program, lest its signal reach a stranger that got the same process number."""
        try:
            await process.wait()
        finally:
            os.close(writer)

    watch = asyncio.create_task(release())
    _watches.add(watch)
    watch.add_done_callback(_watches.discard)
    return process


def setpriv_command(account: Account) -> list[str]:
    """What comes before a command that is to run as `account`, and to get SIGQUIT when its starter ends."""
    command = ["setpriv", "--pdeathsig", "QUIT"]
    if not account.is_ours:
        command += ["--reuid", str(account.uid), "--regid", str(account.gid), "--clear-groups"]
    return [*command, "--"]


async def _has_setpriv() -> bool:
    """Whether util-linux's setpriv is here: BusyBox has one that does not know `--pdeathsig`."""
    try:
        trial = await asyncio.create_subprocess_exec(
            "setpriv", "--pdeathsig", "QUIT", "true", stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL
        )
    except FileNotFoundError:
        return False
    return await trial.wait() == 0
