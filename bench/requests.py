"""What a request costs: Serai beside a bare server that answers the same bytes, and where the difference goes.

`make bench`, or `python bench/requests.py [--rounds 5] [--seconds 3]`. docs/performance.md says what the columns mean.
"""

from __future__ import annotations

import argparse
import os
import platform
from datetime import UTC, datetime
from pathlib import Path

import duties_table
import requests_table
from deployment import PEOPLE, running
from load import CONNECTIONS, Effort, leave_server_core, require_wrk

QUIET = 0.5
NOISY = ": the machine has other work, so the figures are higher than alone, and less sure"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5, help="of each server, in turn; medians are shown")
    parser.add_argument("--seconds", type=int, default=3, help="of each round")
    options = parser.parse_args()
    effort = Effort(options.rounds, options.seconds)
    require_wrk()
    cores = os.cpu_count()
    leave_server_core()
    print(f"{datetime.now(UTC):%d %b %Y}; {_processor()}, {cores} cores, Python {platform.python_version()}")
    print(f"{PEOPLE:,} employees; {CONNECTIONS} connections; median of {effort.rounds} rounds of {effort.seconds} s")
    print(f"{_busy()} at the start{NOISY if os.getloadavg()[0] > QUIET else ''}", flush=True)
    with running() as deployment:
        print(f"\nWhole requests\n\n{requests_table.measured(deployment, effort)}", flush=True)
        print(
            f"\nWhere it goes: the handler has its answer ready\n\n{duties_table.measured(deployment, effort)}",
            flush=True,
        )
    print(f"\n{_busy()} at the end")


def _processor() -> str:
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return models[0].partition(": ")[2] if models else platform.machine()


def _busy() -> str:
    return f"Load average (1 minute) {os.getloadavg()[0]:.1f}"


if __name__ == "__main__":
    main()
