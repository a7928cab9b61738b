"""Where the kernel's part goes: servers that differ by one duty each, under load and without sockets."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from deployment import Running
from duties import PATH, VARIANTS
from load import Effort, measure
from server import FOLDER, serving
from table import table

EMPLIDS = range(1, 1001)
BARS = {"+ live mount, key, request id, metrics, access log": "20", "+ rate limit": "25"}
"""How much the sum may be, in CPU microseconds."""
HEAD = ("", "requests/s", "CPU us/request", "best", "worst", "line", "sum", "bar", "in process, us", "line", "sum")


def measured(deployment: Running, effort: Effort) -> str:
    """The table: each line has what those before it have."""
    environment = {"BENCH_DSN": deployment.dsn, "BENCH_KEY": deployment.key}
    paths = [PATH.format(emplid=f"{number:08}") for number in EMPLIDS]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="serai-bench-")))
        file = folder / "paths"
        file.write_text("".join(f"{path}\n" for path in paths))
        servers = [
            stack.enter_context(
                serving(
                    name,
                    "duties.py",
                    name,
                    environment=environment,
                    headers=deployment.server.headers,
                    path=paths[0],
                )
            )
            for name in VARIANTS
        ]
        loaded = measure([(server, file) for server in servers], effort)
    inside = [[_in_process(name, environment) for name in VARIANTS] for _ in range(effort.rounds)]
    least = [min(times) for times in zip(*inside, strict=True)]
    under_load = _lines([one.cpu for one in loaded])
    without_sockets = _lines(least)
    rows = [
        (
            name,
            f"{one.rate:,.0f}",
            f"{one.cpu:.1f}",
            f"{one.least:.1f}",
            f"{one.most:.1f}",
            *load,
            BARS.get(name, ""),
            f"{time:.1f}",
            *inner,
        )
        for name, one, load, time, inner in zip(VARIANTS, loaded, under_load, least, without_sockets, strict=True)
    ]
    return table(HEAD, rows)


def _in_process(variant: str, environment: dict[str, str]) -> float:
    done = subprocess.run(
        [sys.executable, FOLDER / "duties.py", variant, "in-process"],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        check=True,
    )
    return float(done.stdout)


def _lines(times: Sequence[float]) -> list[tuple[str, str]]:
    """What each line adds to the one before, and to the first."""
    steps = zip(times[1:], times, strict=False)
    return [("", ""), *((f"{time - before:+.1f}", f"{time - times[0]:+.1f}") for time, before in steps)]
