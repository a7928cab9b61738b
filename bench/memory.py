"""What a worker takes that has a large company in memory, and how soon it answers after its start.

`python bench/memory.py [--people 100000] [--starts 3]`. docs/performance.md says what the columns mean.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import NamedTuple

from deployment import Deployment, kept, worker_pids
from load import cpu_seconds
from machine import busy, described
from questions import Questions, questions
from server import FOLDER, Server
from table import table

AWAY = 'driver = "ehr_postgres"\ndsn = "postgresql://nobody@127.0.0.1:9/none"'
"""An HR system that is never there: a made-up company would be in the worker's memory too."""
READY = "/-/health/ready/isapi"
IDLE = 0.02
"""Part of a core below which a worker is at rest."""
LOOK = 0.5
LIMIT = 120.0
HEAD = ("", "median", "worst", "bar")


class Start(NamedTuple):
    """What was seen of one start with the data there."""

    from_command: float
    """Seconds from `serai run` to the first answer about a person."""
    from_worker: float
    """The same from the start of the worker's process."""
    at_rest: float
    """Seconds from the worker's start until it did nothing any more: then all people are in its memory."""
    rss: float
    """MiB, after it has answered some thousand questions."""
    pss: float
    """The same with pages that it shares with other processes counted in part."""
    most: float
    """The most RSS that it has had so far."""


ROWS = {
    "from_worker": ("seconds from a worker's start to its first answer", "3"),
    "from_command": ("seconds from `serai run`, with PostgreSQL, to the first answer", ""),
    "at_rest": ("seconds from a worker's start until all people are in memory", ""),
    "rss": ("MiB resident (RSS)", "250"),
    "pss": ("MiB resident, what is shared counted in part (PSS)", ""),
    "most": ("MiB resident at the most", ""),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--people", type=int, default=100_000, help="in the company")
    parser.add_argument("--starts", type=int, default=3)
    options = parser.parse_args()
    print(f"{described()}\n{options.people:,} people in the company", flush=True)
    with kept() as deployment:
        with deployment.started(AWAY) as supervisor:
            _wait_for_answer(Server("serai", supervisor.pid, deployment.base, {}), READY, supervisor)
            key = deployment.add_client()
            _load(options.people, deployment.dsn)
            asked = questions(deployment.dsn)
        starts = [_start(deployment, key, asked) for _ in range(options.starts)]
    print(f"\n{table(HEAD, [_row(name, starts) for name in ROWS])}\n\n{busy()} at the end")


def _load(people: int, dsn: str) -> None:
    """Let a process of its own synchronise with a company in files."""
    with tempfile.TemporaryDirectory(prefix="serai-bench-") as folder:
        now = datetime.now(UTC).isoformat()
        for script, *arguments in (
            ("company_files.py", folder, str(people)),
            ("sync_once.py", "first", dsn, folder, now, "0"),
        ):
            subprocess.run([sys.executable, FOLDER / script, *arguments], check=True, stdout=subprocess.DEVNULL)


def _start(deployment: Deployment, key: str, asked: Questions) -> Start:
    """One start, and the end."""
    started = time.monotonic()
    with deployment.started(AWAY) as supervisor:
        server = Server("serai", supervisor.pid, deployment.base, {"Authorization": f"Bearer {key}"})
        _wait_for_answer(server, asked.by_id[0], supervisor)
        answered = time.monotonic()
        pid = worker_pids(supervisor.pid)[0]
        born = _born(pid)
        at_rest = _at_rest(pid)
        for path in [*asked.by_id, *asked.by_department, *asked.by_name]:
            server.get(path)
        return Start(
            answered - started,
            answered - born,
            at_rest - born,
            _mebibytes(pid, "status", "VmRSS"),
            _mebibytes(pid, "smaps_rollup", "Pss"),
            _mebibytes(pid, "status", "VmHWM"),
        )


def _wait_for_answer(server: Server, path: str, supervisor: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + LIMIT
    while supervisor.poll() is None and time.monotonic() < deadline:
        with suppress(OSError):
            server.get(path)
            return
        time.sleep(0.01)
    sys.exit("The deployment does not answer")


def _born(pid: int) -> float:
    """When a process was started, by `time.monotonic`."""
    ticks = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    return time.monotonic() - age


def _at_rest(pid: int) -> float:
    """When the process has done all that it does by itself after its start, by `time.monotonic`."""
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        since, before = time.monotonic(), cpu_seconds(pid)
        time.sleep(LOOK)
        if cpu_seconds(pid) - before < IDLE * LOOK:
            return since
    sys.exit("The worker does not come to rest")


def _mebibytes(pid: int, file: str, name: str) -> float:
    """A figure that the kernel of the operating system keeps of a process."""
    lines = Path(f"/proc/{pid}/{file}").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 1024


def _row(name: str, starts: Sequence[Start]) -> Sequence[str]:
    what, bar = ROWS[name]
    values = [getattr(start, name) for start in starts]
    return what, f"{median(values):.1f}", f"{max(values):.1f}", bar


if __name__ == "__main__":
    main()
