"""What a synchronisation costs beside a bare COPY of the same rows, and beside an ORM that takes row by row.

`python bench/sync.py [--people 100000] [--rounds 3]`. docs/performance.md says what the columns mean.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import serai_isapi
from serai.data.connections import Connections
from serai.data.embedded import EmbeddedServer
from serai.data.migrations import KERNEL_LOCATION, Migrations
from server import FOLDER
from table import table

HEAD = ("", "seconds", "best", "worst", "ratio", "CPU s", "of it PostgreSQL", "ratio", "MiB")
WHATS = {
    "copy": "bare COPY of all rows into unlogged tables",
    "first": "first load",
    "full": "full run, 1 % of the people changed",
    "increment": "increment, 1 % of the people changed",
    "orm": "ORM, row by row, 1 % changed",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3, help="of COPY, full run and increment, in turn")
    options = parser.parse_args()
    print(f"{datetime.now(UTC):%d %b %Y}; load average {os.getloadavg()[0]:.1f} at the start", flush=True)
    with tempfile.TemporaryDirectory(prefix="serai-bench-") as name:
        folder = Path(name)
        clock = _written(folder, options.people)
        print(asyncio.run(_measured(folder, clock, options.rounds)))
    print(f"load average {os.getloadavg()[0]:.1f} at the end")


def _written(folder: Path, people: int) -> str:
    """The moment of a company that is now in files."""
    script = [sys.executable, FOLDER / "company_files.py", folder, str(people)]
    return subprocess.run(script, check=True, capture_output=True, text=True).stdout.strip()


async def _measured(folder: Path, clock: str, rounds: int) -> str:
    server = EmbeddedServer(folder / "state", print)
    await server.start()
    try:
        await _migrate(server.dsn)
        results: dict[str, list[dict[str, Any]]] = {what: [] for what in WHATS}
        turns = [("first", 0)]
        for round_ in range(rounds):
            turns += [("copy", 2 * round_), ("full", 2 * round_ + 1), ("increment", 2 * round_ + 2)]
        for what, round_ in [*turns, ("orm", 2 * rounds)]:
            results[what].append(await _once(what, server.dsn, folder, clock, round_))
            print(f"{what}: {results[what][-1]['note']}", file=sys.stderr, flush=True)
    finally:
        await server.stop()
        shutil.rmtree((folder / "state" / "postgresql").resolve(), ignore_errors=True)
    return table(HEAD, [_row(WHATS[what], results[what], results["copy"]) for what in WHATS])


async def _migrate(dsn: str) -> None:
    connections = Connections(dsn)
    await connections.open()
    try:
        migrations = Migrations(connections)
        await migrations.upgrade("serai", KERNEL_LOCATION)
        await migrations.upgrade("isapi", Path(serai_isapi.__file__).parent / "migrations")
    finally:
        await connections.close()


async def _once(what: str, dsn: str, folder: Path, clock: str, round_: int) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, FOLDER / "sync_once.py", what, dsn, folder, clock, str(round_), stdout=subprocess.PIPE
    )
    out, _ = await process.communicate()
    if process.returncode:
        sys.exit(f"{what} failed")
    result: dict[str, Any] = json.loads(out)
    return result


def _row(what: str, results: list[dict[str, Any]], copies: list[dict[str, Any]]) -> list[str]:
    seconds = [result["seconds"] for result in results]
    cpu = [result["cpu"] + result["server_cpu"] for result in results]
    copy = median(result["seconds"] for result in copies)
    copy_cpu = median(result["cpu"] + result["server_cpu"] for result in copies)
    return [
        what,
        f"{median(seconds):.1f}",
        f"{min(seconds):.1f}",
        f"{max(seconds):.1f}",
        f"{median(seconds) / copy:.1f}",
        f"{median(cpu):.1f}",
        f"{median(result['server_cpu'] for result in results):.1f}",
        f"{median(cpu) / copy_cpu:.1f}",
        f"{max(result['memory'] for result in results):.0f}",
    ]


if __name__ == "__main__":
    main()
