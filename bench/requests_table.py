"""Whole requests, database included: Serai beside the bare server, on the same data."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from deployment import Running
from environment import peers_python
from load import Effort, Measured, measure
from questions import PAGE, questions
from server import Server, serving
from table import table

COMPARED = 100
"""So many answers of each server must be the same bytes before anything is measured."""
HEAD = ("", "requests/s", "ratio", "CPU us/request", "best", "worst", "ratio", "more")


def measured(deployment: Running, effort: Effort) -> str:
    """The table, after making sure that all servers answer the same."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="serai-bench-")))
        asked = questions(deployment.dsn)
        servers = [
            *(
                stack.enter_context(
                    serving(
                        name,
                        "peers/bare.py",
                        *arguments,
                        environment={"BENCH_DSN": deployment.dsn},
                        headers=deployment.server.headers,
                        path=asked.by_id[0],
                        python=peers_python(),
                    )
                )
                for name, *arguments in (("aiohttp + asyncpg",), ("the same, its pool without reset", "no-reset"))
            ),
            deployment.server,
        ]
        rows = []
        for what, paths in (("by id", asked.by_id), (f"list of {PAGE}", asked.by_department)):
            require_same_bodies(servers, paths[:COMPARED])
            file = folder / "paths"
            file.write_text("".join(f"{path}\n" for path in paths))
            rows += _rows(what, servers, measure([(server, file) for server in servers], effort))
    return table(HEAD, rows)


def require_same_bodies(servers: Sequence[Server], paths: Sequence[str]) -> None:
    """Ends the benchmark where two answers differ."""
    for path in paths:
        if len({server.get(path) for server in servers}) > 1:
            sys.exit(f"The servers differ in their answers to {path}")


def _rows(what: str, servers: Sequence[Server], results: Sequence[Measured]) -> list[Sequence[str]]:
    first = results[0]
    return [
        (
            f"{what}: {server.name}",
            f"{one.rate:,.0f}",
            f"{one.rate / first.rate:.2f}",
            f"{one.cpu:.1f}",
            f"{one.least:.1f}",
            f"{one.most:.1f}",
            f"{one.cpu / first.cpu:.2f}",
            f"{one.cpu - first.cpu:+.1f}",
        )
        for server, one in zip(servers, results, strict=True)
    ]
