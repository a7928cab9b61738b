"""Load on one server at a time, and what a request costs that server in CPU time."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from server import FOLDER, Server

SERVER_CORE, LOAD_CORE = 0, 1
"""The server has a core of its own; wrk, PostgreSQL and we share the other."""
CONNECTIONS = 16
WARM_UP = 1


class Effort(NamedTuple):
    """How long to measure."""

    rounds: int
    seconds: int
    """Of each round."""


class Measured(NamedTuple):
    """What the rounds of one server say."""

    rate: float
    """Requests a second, median."""
    cpu: float
    """CPU microseconds a request of the server's process, and of those that it started; median."""
    least: float
    most: float
    """The same of the best and the worst round."""


def require_wrk() -> None:
    """Install wrk where that is allowed; else say how."""
    if shutil.which("wrk") is None and os.geteuid() == 0 and shutil.which("apt-get"):
        print("installing wrk", flush=True)
        subprocess.run(["apt-get", "install", "--yes", "wrk"], check=False, stdout=subprocess.DEVNULL)
    if shutil.which("wrk") is None:
        sys.exit("The benchmark needs wrk (Debian: apt-get install wrk).")


def leave_server_core() -> None:
    """Keep ourselves, and so everything that we start, off the servers' core."""
    if len(os.sched_getaffinity(0)) < 2:
        sys.exit("The benchmark needs two cores: one for the server, one for the load.")
    os.sched_setaffinity(0, {LOAD_CORE})


def measure(loads: Sequence[tuple[Server, Path]], effort: Effort) -> list[Measured]:
    """Load each server with the paths of its file, a round of each in turn, after one to warm up."""
    for server, paths in loads:
        _pin(server.pid)
        _round(server, paths, WARM_UP)
    rounds = [[_round(server, paths, effort.seconds) for server, paths in loads] for _ in range(effort.rounds)]
    return [_summary(rates_and_cpu) for rates_and_cpu in zip(*rounds, strict=True)]


def _summary(rounds: Sequence[tuple[float, float]]) -> Measured:
    rates, cpu = zip(*rounds, strict=True)
    return Measured(median(rates), median(cpu), min(cpu), max(cpu))


def _pin(pid: int) -> None:
    """Move a server, with all its threads, to its core."""
    for thread in _threads(pid):
        os.sched_setaffinity(int(thread.name), {SERVER_CORE})


def _round(server: Server, paths: Path, seconds: int) -> tuple[float, float]:
    """Requests a second and CPU microseconds a request."""
    headers = [part for name, value in server.headers.items() for part in ("--header", f"{name}: {value}")]
    before = cpu_seconds(server.pid)
    done = subprocess.run(
        [
            *("wrk", "--threads", "1", "--connections", str(CONNECTIONS), "--duration", f"{seconds}s"),
            *("--script", str(FOLDER / "paths.lua"), *headers, server.base, "--", str(paths)),
        ],
        check=False,
        capture_output=True,
        text=True,
    )
    cpu = cpu_seconds(server.pid) - before
    if done.returncode:
        sys.exit(f"wrk failed: {done.stderr}{done.stdout}")
    result = json.loads(done.stdout.splitlines()[-1])
    if result["errors"] or not result["requests"]:
        sys.exit(f"{server.name} failed {result['errors']} of {result['requests']} requests")
    return result["requests"] / result["seconds"], cpu / result["requests"] * 1e6


def cpu_seconds(pid: int) -> float:
    """Time that the threads of a process have had on a core."""
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in _threads(pid)) / 1e9


def _threads(pid: int) -> Iterator[Path]:
    """Of a process and of those that it started: gunicorn answers in a child."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        yield thread
        for child in (thread / "children").read_text().split():
            yield from _threads(int(child))
