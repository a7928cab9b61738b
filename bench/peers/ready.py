"""All that the two peers answer who have it in memory: the bytes of each person, and who is found by what."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict

import asyncpg
import orjson

from queries import EMPLOYEE, employee


class Ready:
    """Who works where, as of one moment."""

    def __init__(self, rows: list[asyncpg.Record]) -> None:
        # A result of orjson holds 8 kB until it is copied.
        self.people = {row["emplid"]: bytes(bytearray(orjson.dumps(employee(row)))) for row in rows}
        self._departments: defaultdict[str, list[str]] = defaultdict(list)
        keys: set[tuple[str, ...]] = set()
        for row in rows:
            if row["status"] == "active":
                self._departments[row["deptid"]].append(row["emplid"])
                keys |= {(key, row["emplid"]) for key in row["search"].split("|") if key}
        self._keys = sorted(keys)

    @classmethod
    async def read(cls, dsn: str) -> Ready:
        connection = await asyncpg.connect(dsn)
        try:
            return cls(await connection.fetch(f"{EMPLOYEE.replace('emplid,', 'emplid, search,', 1)} order by emplid"))
        finally:
            await connection.close()

    def in_department(self, deptid: str, limit: int) -> bytes:
        return self._page(self._departments[deptid], limit)

    def by_name(self, q: str, limit: int) -> bytes:
        begin = q.lower()
        first, end = (bisect_left(self._keys, (edge,)) for edge in (begin, f"{begin}\U0010ffff"))
        found = {emplid for _, emplid in self._keys[first:end]}
        return self._page(sorted(found), limit)

    def _page(self, emplids: list[str], limit: int) -> bytes:
        cursor = emplids[limit - 1] if len(emplids) > limit else None
        items = b",".join([self.people[emplid] for emplid in emplids[:limit]])
        return b'{"items":[%b],"next_cursor":%b}' % (items, orjson.dumps(cursor))
