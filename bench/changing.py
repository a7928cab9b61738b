"""Changes people as a synchronisation does, in a process of its own: what it costs is not taken for a reader's wait.

`python bench/changing.py` with the database in BENCH_DSN takes lines of JSON, `{"emplids": [...], "title": "..."}`, and
answers each one with the time at which it was committed, by the clock of `time.perf_counter`.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Sequence

from serai.data.connections import Connections
from serai.work.feed import Feed
from serai_isapi.changes import tell
from serai_isapi.publishing import Published


async def main() -> None:
    os.nice(10)  # it would take the core from the workers that are looked at; elsewhere it is on another machine
    connections = Connections(os.environ["BENCH_DSN"])
    await connections.open()
    try:
        while line := await asyncio.to_thread(sys.stdin.readline):
            asked = json.loads(line)
            await _change(connections, asked["emplids"], asked["title"])
            print(time.perf_counter(), flush=True)
    finally:
        await connections.close()


async def _change(connections: Connections, emplids: Sequence[str], title: str) -> None:
    """Publish other titles, tell of them in the feed and to who listens for ended runs: one transaction."""
    isapi = connections.database("isapi")
    async with isapi.raw() as connection, connection.transaction():
        await connection.execute("update isapi.employee set title = $2 where emplid = any ($1::text[])", emplids, title)
        await tell(Feed(connections.database("serai")), connection, Published(employees=[(one,) for one in emplids]))
        await isapi.notify("synced", connection=connection)


if __name__ == "__main__":
    asyncio.run(main())
