"""Hot reads: Serai beside its peers, on the same data, with the bar that each line has to reach."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from deployment import Running
from environment import peers_python
from load import Effort, Measured, measure
from questions import PAGE, Questions, questions
from requests_table import COMPARED, require_same_bodies
from server import Server, serving
from table import table

HEAD = ("", "requests/s", "CPU us/request", "best", "worst", "serai: by rate", "by CPU", "bar")
DATASETTE = "datasette (SQLite)"
COPY = "/company/employee"
READY = "aiohttp, ready bytes from a dict"
PEERS = {
    "aiohttp + asyncpg": "bare.py",
    "FastAPI + uvicorn + asyncpg": "fastapi_asyncpg.py",
    "Flask + gunicorn + SQLAlchemy ORM": "flask_orm.py",
    DATASETTE: "datasette_copy.py",
    READY: "aiohttp_ready.py",
    "Starlette + uvicorn, the same ready bytes": "starlette_ready.py",
}
LIST_BARS = dict(zip(PEERS, (3.0, 6.0, 20.0, 30.0), strict=False))


class Operation(NamedTuple):
    """Something that all servers can do."""

    name: str
    paths: Sequence[str]
    copy_paths: Sequence[str]
    """The same questions as datasette takes them."""
    bars: Mapping[str, float]
    """How many times a peer's rate Serai's should be at the least."""


def measured(deployment: Running, effort: Effort) -> str:
    """The table, after making sure that all servers answer the same."""
    asked = questions(deployment.dsn)
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="serai-bench-"))
        environment = {"BENCH_DSN": deployment.dsn, "BENCH_FOLDER": folder}
        peers = [
            stack.enter_context(
                serving(
                    name,
                    f"peers/{script}",
                    environment=environment,
                    headers={},
                    path=f"{COPY}.json?_size=1" if name == DATASETTE else asked.by_id[0],
                    python=peers_python(),
                )
            )
            for name, script in PEERS.items()
        ]
        rows: list[Sequence[str]] = []
        for operation in _operations(asked):
            rows += _measured(operation, [deployment.server, *peers], Path(folder), effort)
    return table(HEAD, rows)


def _operations(asked: Questions) -> list[Operation]:
    by_id = dict(zip(PEERS, (2.2, 4.0, 15.0, 12.0, 0.7), strict=False))
    row = [f"{COPY}/{emplid}.json?_shape=array" for emplid in asked.emplids]
    # A page and nothing else: no count of all rows, no facets, not the column of beginnings.
    page = f"{COPY}.json?_shape=array&_size={PAGE}&_sort=emplid&_nocount=1&_nofacet=1&_nocol=search&status=active"
    in_department = [f"{page}&deptid={deptid}" for deptid in asked.deptids]
    by_name = [f"{page}&_search={q}*&_searchmode=raw" for q in asked.beginnings]
    return [
        Operation("by id", asked.by_id, row, by_id),
        Operation(f"{PAGE} of a department", asked.by_department, in_department, LIST_BARS),
        Operation(f"{PAGE} by beginning of a name", asked.by_name, by_name, LIST_BARS),
    ]


def _measured(operation: Operation, servers: Sequence[Server], folder: Path, effort: Effort) -> list[Sequence[str]]:
    if not operation.paths:
        sys.exit(f"Nothing to ask for {operation.name}: the company is too small")
    require_same_bodies([one for one in servers if one.name != DATASETTE], operation.paths[:COMPARED])
    _require_same_people(servers, operation)
    ours, theirs = folder / "paths", folder / "copy_paths"
    ours.write_text("".join(f"{path}\n" for path in operation.paths))
    theirs.write_text("".join(f"{path}\n" for path in operation.copy_paths))
    results = measure([(one, theirs if one.name == DATASETTE else ours) for one in servers], effort)
    return [_row(operation, one, result, results[0]) for one, result in zip(servers, results, strict=True)]


def _require_same_people(servers: Sequence[Server], operation: Operation) -> None:
    """datasette has a shape of its own: the same people in the same order are what it must give."""
    serai = next(one for one in servers if one.name != DATASETTE)
    datasette = next(one for one in servers if one.name == DATASETTE)
    for path, copy_path in list(zip(operation.paths, operation.copy_paths, strict=True))[:COMPARED]:
        answer = json.loads(serai.get(path))
        found = [one["emplid"] for one in answer.get("items", [answer])]
        if found != [row["emplid"] for row in json.loads(datasette.get(copy_path))]:
            sys.exit(f"datasette finds others than Serai for {copy_path}")


def _row(operation: Operation, server: Server, one: Measured, serai: Measured) -> Sequence[str]:
    times: Callable[[float], str] = "{:.2f}".format
    return (
        f"{operation.name}: {server.name}",
        f"{one.rate:,.0f}",
        f"{one.cpu:.1f}",
        f"{one.least:.1f}",
        f"{one.most:.1f}",
        times(serai.rate / one.rate),
        times(one.cpu / serai.cpu),
        f"{operation.bars[server.name]:g}" if server.name in operation.bars else "",
    )
