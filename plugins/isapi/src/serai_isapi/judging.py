"""Which staged rows are not to be believed."""

from __future__ import annotations

import asyncpg

from serai_isapi.records import Record
from serai_isapi.rules import references_of, rules_of


async def judge(connection: asyncpg.Connection, record: Record, *, lost: bool) -> int:
    """Note in each staged row the first rule that it breaks; how many rows break one.

    Judge the records in the order of `RECORDS`; `lost` says that rows of those before are to go, so that kept rows of
    this one may refer to nothing although they stay as they are. What a bad row may stand for is not removed.
    """
    if lost:
        await _stage_orphans(connection, record)
    cases = " ".join(f"when {condition} then '{rule}'" for rule, condition in rules_of(record).items())
    await connection.execute(
        f"update {record.staged} u set broken_rule = judged.rule"
        f" from (select s.ctid as place, case {cases} end as rule from {record.staged} s"
        " where s.broken_rule is null and not s.removed) as judged where u.ctid = judged.place"
        " and judged.rule is not null"
    )
    key = ", ".join(record.key)
    good = "broken_rule is null and not removed"
    await connection.execute(
        f"update {record.staged} set broken_rule = 'duplicate_key' where {good} and ({key}) in"
        f" (select {key} from {record.staged} where {good} group by {key} having count(*) > 1)"
    )
    bad: int = await connection.fetchval(f"select count(*) from {record.staged} where broken_rule is not null")
    if bad:
        await connection.execute(
            f"delete from {record.staged} s using {record.staged} b"
            f" where s.removed and b.broken_rule is not null and {record.agrees('b', 's')}"
        )
    return bad


async def loses(connection: asyncpg.Connection, record: Record) -> bool:
    """Whether kept rows of the record are to go."""
    found: bool = await connection.fetchval(f"select exists (select from {record.staged} where removed)")
    return found


async def _stage_orphans(connection: asyncpg.Connection, record: Record) -> None:
    """Stage the kept rows that refer to something that is to go."""
    if references := references_of(record):
        columns = ", ".join(record.columns)
        dangling = " or ".join(references.values())
        await connection.execute(
            f"insert into {record.staged} ({columns}, row_hash, removed)"
            f" select {columns}, row_hash, false from {record.table.fullname} s where ({dangling})"
            f" and not exists (select from {record.staged} o where {record.same('o', 's')})"
        )
