"""Hot reads of isapi, all of the kernel's duties on, beside servers that do nothing else.

`python bench/reads.py [--people 20000] [--rounds 5] [--seconds 3]`. docs/performance.md says what the columns mean.
"""

from __future__ import annotations

import argparse

from deployment import running
from load import CONNECTIONS, Effort, leave_server_core, require_wrk
from machine import busy, described
from reads_table import measured


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--people", type=int, default=20_000, help="in the company")
    parser.add_argument("--rounds", type=int, default=5, help="of each server, in turn; medians are shown")
    parser.add_argument("--seconds", type=int, default=3, help="of each round")
    options = parser.parse_args()
    effort = Effort(options.rounds, options.seconds)
    require_wrk()
    leave_server_core()
    print(described())
    print(
        f"{options.people:,} people; {CONNECTIONS} connections; median of {effort.rounds} rounds of {effort.seconds} s",
        flush=True,
    )
    with running(options.people) as deployment:
        print(f"\n{measured(deployment, effort)}", flush=True)
    print(f"\n{busy()} at the end")


if __name__ == "__main__":
    main()
