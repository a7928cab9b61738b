"""How soon readers of every process see what was committed, and how long taking it in keeps a process from answering.

`python bench/freshness.py [--people 20000] [--changes 300] [--rounds 20]`. docs/performance.md says what the rows mean.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from statistics import median, quantiles
from typing import NamedTuple

from deployment import Running, running
from machine import busy, described
from questions import questions
from server import FOLDER
from table import table
from workers import Worker, each_worker

WORKERS = 2
MANY = 1000
"""People that one transaction changes where pauses are looked for."""
INTERVAL = 0.001
"""Seconds between two questions to the same worker."""
AFTERWARDS = 0.5
"""Seconds that pauses are looked for after a change was seen."""
PATIENCE = 60.0
ALIVE = "/-/health/live"
HEAD = ("milliseconds", "p50", "p99", "worst", "bar")


class Changer(NamedTuple):
    """The process that changes people."""

    process: asyncio.subprocess.Process
    titles: itertools.count[int]

    async def change(self, emplids: Sequence[str]) -> tuple[str, asyncio.Task[float]]:
        """Give them all a new title: which, and when that will have been committed."""
        title = f"title {next(self.titles)}"
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"emplids": emplids, "title": title}).encode() + b"\n")
        await self.process.stdin.drain()
        return title, asyncio.create_task(self._committed())

    async def _committed(self) -> float:
        assert self.process.stdout is not None
        return float(await self.process.stdout.readline())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--people", type=int, default=20_000, help="in the company")
    parser.add_argument("--changes", type=int, default=300, help="of one person, one after another")
    parser.add_argument("--rounds", type=int, default=20, help=f"of {MANY} people at once")
    options = parser.parse_args()
    print(described())
    print(f"{options.people:,} people, {WORKERS} workers", flush=True)
    with running(options.people, workers=WORKERS) as deployment:
        print(f"\n{asyncio.run(_measured(deployment, questions(deployment.dsn).emplids, options))}", flush=True)
    print(f"\n{busy()} at the end")


async def _measured(deployment: Running, emplids: Sequence[str], options: argparse.Namespace) -> str:
    many = list(emplids[:MANY])
    async with (
        _changer(deployment.dsn) as changer,
        each_worker(deployment.server, WORKERS, ALIVE) as readers,
        each_worker(deployment.server, WORKERS, ALIVE) as probes,
    ):
        one = [(await _seen(changer, readers, [random.choice(emplids)])).seconds for _ in range(options.changes)]
        quiet = [await _longest_wait(probes, _nothing()) for _ in range(options.rounds)]
        together: list[float] = []
        waits = [await _longest_wait(probes, _take_in(changer, readers, many, together)) for _ in range(options.rounds)]
    return table(
        HEAD,
        [
            _row("one person: from commit until every process shows it", one, "10 (p99)"),
            _row(f"{MANY:,} people: from commit until every process shows it", together, ""),
            _row(f"{MANY:,} people: longest wait for an answer afterwards", waits, "20 (worst)"),
            _row("nothing changes: longest wait for an answer", quiet, ""),
        ],
    )


@asynccontextmanager
async def _changer(dsn: str) -> AsyncIterator[Changer]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        FOLDER / "changing.py",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "BENCH_DSN": dsn},
    )
    assert process.stdin is not None
    try:
        yield Changer(process, itertools.count(1))
    finally:
        process.stdin.close()
        await process.wait()


class Seen(NamedTuple):
    """A change, by `time.perf_counter`."""

    committed: float
    seconds: float
    """From the commit until the last worker showed it of the last person."""


async def _seen(changer: Changer, readers: Sequence[Worker], emplids: Sequence[str]) -> Seen:
    """Change people, and wait until every worker shows it."""
    title, committed = await changer.change(emplids)
    path = f"/isapi/api/v1/employees/{emplids[-1]}"
    shown = await asyncio.gather(*(_shown(reader, path, title) for reader in readers))
    since = await committed
    return Seen(since, max(0.0, max(shown) - since))


async def _shown(reader: Worker, path: str, title: str) -> float:
    """When the worker shows the title, by `time.perf_counter`."""
    async with asyncio.timeout(PATIENCE):
        while True:
            answer = await reader.get(path)
            received = time.perf_counter()
            if json.loads(answer)["title"] == title:
                return received
            await asyncio.sleep(INTERVAL)


async def _take_in(changer: Changer, readers: Sequence[Worker], emplids: Sequence[str], seconds: list[float]) -> float:
    """Change them all, wait until it is seen, and a little longer; when it was committed."""
    seen = await _seen(changer, readers, emplids)
    seconds.append(seen.seconds)
    await asyncio.sleep(AFTERWARDS)
    return seen.committed


async def _nothing() -> float:
    """Wait for as long as nothing happens; since when."""
    since = time.perf_counter()
    await asyncio.sleep(2 * AFTERWARDS)
    return since


async def _longest_wait(probes: Sequence[Worker], meanwhile: Awaitable[float]) -> float:
    """The longest that any worker took to say that it is alive, from the moment on that `meanwhile` returns."""
    task = asyncio.ensure_future(meanwhile)
    waits = await asyncio.gather(*(_waits(probe, task) for probe in probes))
    since = await task
    return max(wait for ended, wait in itertools.chain(*waits) if ended >= since)


async def _waits(probe: Worker, meanwhile: asyncio.Future[float]) -> list[tuple[float, float]]:
    """When each wait for an answer ended, and how long it was."""
    waits = []
    while not meanwhile.done():
        asked = time.perf_counter()
        await probe.get(ALIVE)
        ended = time.perf_counter()
        waits.append((ended, ended - asked))
        await asyncio.sleep(INTERVAL)
    return waits


def _row(what: str, seconds: Sequence[float], bar: str) -> Sequence[str]:
    p99 = quantiles(seconds, n=100, method="inclusive")[-1]
    return what, *(f"{1000 * value:.1f}" for value in (median(seconds), p99, max(seconds))), bar


if __name__ == "__main__":
    main()
