"""Whole requests, database included: Serai beside the bare server, on the same data."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import asyncpg

from deployment import Running
from load import Effort, Measured, measure
from server import Server, serving
from table import table

EMPLOYEES = "/isapi/api/v1/employees"
PAGE = 20
COMPARED = 100
"""So many answers of each server must be the same bytes before anything is measured."""
HEAD = ("", "requests/s", "ratio", "CPU us/request", "best", "worst", "ratio", "more")


def measured(deployment: Running, effort: Effort) -> str:
    """The table, after making sure that all servers answer the same."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="serai-bench-")))
        by_id, by_department = asyncio.run(_paths(deployment.dsn))
        servers = [
            *(
                stack.enter_context(
                    serving(
                        name,
                        "peers/bare.py",
                        *arguments,
                        environment={"BENCH_DSN": deployment.dsn},
                        headers=deployment.server.headers,
                        path=by_id[0],
                    )
                )
                for name, *arguments in (("aiohttp + asyncpg",), ("the same, its pool without reset", "no-reset"))
            ),
            deployment.server,
        ]
        rows = []
        for what, paths in (("by id", by_id), (f"list of {PAGE}", by_department)):
            _require_same_bodies(servers, paths[:COMPARED])
            file = folder / "paths"
            file.write_text("".join(f"{path}\n" for path in paths))
            rows += _rows(what, servers, measure(servers, file, effort))
    return table(HEAD, rows)


async def _paths(dsn: str) -> tuple[list[str], list[str]]:
    """Of people in no order, and of the departments in which exactly a page of people works."""
    connection = await asyncpg.connect(dsn)
    try:
        people = await connection.fetch("select emplid from isapi.employee order by md5(emplid) limit 1000")
        departments = await connection.fetch(
            "select deptid from isapi.employee where status = 'active' group by deptid having count(*) = $1", PAGE
        )
    finally:
        await connection.close()
    return (
        [f"{EMPLOYEES}/{row['emplid']}" for row in people],
        [f"{EMPLOYEES}?dept={row['deptid']}&limit={PAGE}" for row in departments],
    )


def _require_same_bodies(servers: Sequence[Server], paths: Sequence[str]) -> None:
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
