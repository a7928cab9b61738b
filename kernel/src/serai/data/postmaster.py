"""What a data directory's own files and the process table tell about its PostgreSQL."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import attrs


@attrs.frozen
class PidFile:
    """`postmaster.pid` (storage/pidfile.h of PostgreSQL): line 1 process, 5 socket folder, 8 status."""

    pid: int
    socket_folder: Path | None
    ready: bool

    @classmethod
    def read(cls, data: Path) -> PidFile | None:
        """The pid file of the data directory; None where there is none or it is only being written."""
        try:
            lines = (data / "postmaster.pid").read_text("utf-8").splitlines()
            pid = int(lines[0])
        except (FileNotFoundError, ValueError, IndexError):
            return None
        lines += [""] * (8 - len(lines))
        return cls(pid, Path(lines[4]) if lines[4] else None, lines[7].strip() == "ready")


def processes(data: Path) -> list[int]:
    """The living processes of PostgreSQL on the data directory: a postmaster, or what a killed one left behind.

    Every one of them works in the data directory. Off Linux only the postmaster is found, by its pid file.
    """
    if sys.platform == "linux":
        return [
            int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal() and _works_in(entry, data)
        ]
    pid_file = PidFile.read(data)
    return [pid_file.pid] if pid_file is not None and lives(pid_file.pid) else []


def _works_in(process: Path, data: Path) -> bool:
    try:
        # A program that was upgraded meanwhile is shown as `postgres (deleted)`.
        return (process / "cwd").readlink() == data and (process / "exe").readlink().name.startswith("postgres")
    except OSError:  # it has just ended, or is another account's
        return False


def lives(pid: int) -> bool:
    """Whether a process of that number runs, whosever it is; one that has ended and waits to be reaped does not."""
    if sys.platform == "linux":
        try:
            status = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
        except (FileNotFoundError, ProcessLookupError):
            return False
        return status.rpartition(")")[2].split()[0] not in {"Z", "X"}  # proc_pid_stat(5): zombie, dead
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
