"""What a request costs: Serai beside a bare server that answers the same bytes, and where the difference goes.

`make bench`, or `python bench/requests.py [--rounds 5] [--seconds 3]`. docs/performance.md says what the columns mean.
"""

from __future__ import annotations

import argparse

import duties_table
import requests_table
from deployment import PEOPLE, running
from load import CONNECTIONS, Effort, leave_server_core, require_wrk
from machine import busy, described


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5, help="of each server, in turn; medians are shown")
    parser.add_argument("--seconds", type=int, default=3, help="of each round")
    options = parser.parse_args()
    effort = Effort(options.rounds, options.seconds)
    require_wrk()
    leave_server_core()
    print(described())
    print(
        f"{PEOPLE:,} employees; {CONNECTIONS} connections; median of {effort.rounds} rounds of {effort.seconds} s",
        flush=True,
    )
    with running() as deployment:
        print(f"\nWhole requests\n\n{requests_table.measured(deployment, effort)}", flush=True)
        print(
            f"\nWhere it goes: the handler has its answer ready\n\n{duties_table.measured(deployment, effort)}",
            flush=True,
        )
    print(f"\n{busy()} at the end")


if __name__ == "__main__":
    main()
