"""One reading of the source in temporary tables: copied in, judged, and made the whole of what is to be kept.

Everything here happens on one connection, outside the transaction that applies.
"""

from __future__ import annotations

import asyncpg
import attrs

from serai_ehr import Reading
from serai_isapi.cleaning import Cleaner
from serai_isapi.merging import affected
from serai_isapi.records import RECORDS, Record
from serai_isapi.rules import rules_of

BATCH = 2000


async def prepare(connection: asyncpg.Connection) -> None:
    """Make the empty staging tables; `discard` takes them away again."""
    await discard(connection)
    for record in RECORDS:
        columns = ", ".join(record.columns)
        await connection.execute(
            f"create temporary table staged_{record.name} as"
            f" select {columns}, null::text as broken_rule from {record.table.fullname} with no data"
        )


async def discard(connection: asyncpg.Connection) -> None:
    """Drop the staging tables: the connection goes back to the pool without them."""
    await connection.execute("drop table if exists " + ", ".join(record.staged for record in RECORDS))


async def extract(connection: asyncpg.Connection, reading: Reading, record: Record) -> int:
    """Copy the record's view in, cleaned, a batch at a time; how many rows were read."""
    cleaner = Cleaner(record)
    read = 0
    async for batch in reading.batches(record.view, size=BATCH):
        await connection.copy_records_to_table(
            f"staged_{record.name}",
            records=cleaner.rows(batch),
            columns=[*record.columns, "broken_rule"],
        )
        read += len(batch)
    await connection.execute(f"analyze {record.staged}")
    return read


async def judge(connection: asyncpg.Connection, record: Record) -> None:
    """Note in each staged row the first rule that it breaks. Judge the records in the order of `RECORDS`."""
    cases = " ".join(f"when {condition} then '{rule}'" for rule, condition in rules_of(record).items())
    await connection.execute(
        f"update {record.staged} u set broken_rule = judged.rule"
        f" from (select s.ctid as place, case {cases} end as rule from {record.staged} s"
        " where s.broken_rule is null) as judged where u.ctid = judged.place and judged.rule is not null"
    )
    key = ", ".join(record.key)
    await connection.execute(
        f"update {record.staged} set broken_rule = 'duplicate_key' where broken_rule is null and ({key}) in"
        f" (select {key} from {record.staged} where broken_rule is null group by {key} having count(*) > 1)"
    )


async def quarantine(connection: asyncpg.Connection, record: Record, run_id: int) -> int:
    """Put the rows that break a rule aside and the last good rows of their keys in their place; how many were bad."""
    key = ", ".join(f"'{column}', s.{column}" for column in record.key)
    inserted = await connection.execute(
        "insert into isapi.quarantine (run_id, view, rule, key, content)"
        f" select $1, $2, s.broken_rule, jsonb_build_object({key}), to_jsonb(s) - 'broken_rule'"
        f" from {record.staged} s where s.broken_rule is not null",
        run_id,
        record.view.name,
    )
    if bad := affected(inserted):
        await _keep_last_good(connection, record)
        await connection.execute(f"delete from {record.staged} where broken_rule is not null")
    return bad


async def _keep_last_good(connection: asyncpg.Connection, record: Record) -> None:
    """Stage the present rows of every bad row's key; a key that is known in part stands for all that agree with it."""
    columns = ", ".join(record.columns)
    same = " and ".join(f"s.{column} = t.{column}" for column in record.key)
    agrees = " and ".join(f"(b.{column} is null or b.{column} = t.{column})" for column in record.key)
    await connection.execute(
        f"insert into {record.staged} ({columns}) select {columns} from {record.table.fullname} t"
        f" where not exists (select from {record.staged} s where {same} and s.broken_rule is null)"
        f" and exists (select from {record.staged} b where b.broken_rule is not null"
        f" and b.{record.key[0]} is not null and {agrees})"
    )


@attrs.define
class Counts:
    """What one run did with one view, in rows."""

    read: int = 0
    quarantined: int = 0
    added: int = 0
    changed: int = 0
    removed: int = 0
