"""What servers are asked: paths of isapi's API, of people and values that the deployment's data has."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

import asyncpg

EMPLOYEES = "/isapi/api/v1/employees"
PAGE = 20
"""So many people are found by each question for a list: one whole page, and no other after it."""
MOST = 1000

_PEOPLE = f"select emplid from isapi.employee where status <> 'leaver' order by md5(emplid) limit {MOST}"
_DEPARTMENTS = f"""
    select deptid from isapi.employee where status = 'active' group by deptid having count(*) = {PAGE}
    order by md5(deptid) limit {MOST}
"""
_BEGINNINGS = f"""
    with beginning as (
        select left(replace(pinyin, ' ', ''), length) as q
        from isapi.employee cross join generate_series(3, 12) as length
        where status = 'active' and length(replace(pinyin, ' ', '')) >= length
        group by 1 having count(*) = {PAGE}
    )
    select q from beginning
    where (select count(*) from isapi.employee where search like '%|' || q || '%' and status = 'active') = {PAGE}
    order by md5(q) limit {MOST}
"""


class Questions(NamedTuple):
    """Values to ask for, each sort in no order."""

    emplids: Sequence[str]
    deptids: Sequence[str]
    beginnings: Sequence[str]
    """Of names in pinyin."""

    @property
    def by_id(self) -> list[str]:
        return [f"{EMPLOYEES}/{emplid}" for emplid in self.emplids]

    @property
    def by_department(self) -> list[str]:
        return [f"{EMPLOYEES}?dept={deptid}&limit={PAGE}" for deptid in self.deptids]

    @property
    def by_name(self) -> list[str]:
        return [f"{EMPLOYEES}?q={q}&limit={PAGE}" for q in self.beginnings]


def questions(dsn: str) -> Questions:
    """Of the data there."""
    return asyncio.run(_questions(dsn))


async def _questions(dsn: str) -> Questions:
    connection = await asyncpg.connect(dsn)
    try:
        found = [await connection.fetch(query) for query in (_PEOPLE, _DEPARTMENTS, _BEGINNINGS)]
    finally:
        await connection.close()
    return Questions(*([row[0] for row in rows] for rows in found))
