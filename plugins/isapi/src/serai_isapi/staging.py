"""What one reading of the source brings that is not kept yet, in temporary tables.

A staged row has the columns of its record, its `row_hash`, the rule that it breaks (`broken_rule`), or stands for a
kept row that is to go (`removed`, key only). A view that is read whole is compared by hash before anything is sent; of
one that is read for what changed all that comes is staged. Everything here happens on one connection, outside the
transaction that applies.
"""

from __future__ import annotations

import asyncpg
import attrs
import msgspec

from serai import Keys
from serai_ehr import Changed, Reading, Row
from serai_isapi.cleaning import Cleaner
from serai_isapi.fingerprints import Comparison, Fingerprints
from serai_isapi.records import RECORDS, Record
from serai_isapi.rules import REFERENCES
from serai_isapi.sealing import Sealer

BATCH = 2000

_KNOWN = {"person": "emplid", "dept": "setid, deptid", "dept_tree": "setid, tree_name, effdt, tree_node"}
"""What others refer to, by record."""


@attrs.define
class Counts:
    """What one run did with one view, in rows."""

    read: int = 0
    quarantined: int = 0
    added: int = 0
    changed: int = 0
    removed: int = 0


def no_counts() -> dict[str, Counts]:
    """Those of a run that begins, by view."""
    return {record.view.name: Counts() for record in RECORDS}


def counts_of(encoded: str) -> dict[str, Counts]:
    """Counts out of their JSON, as `sync_run` has them."""
    return {**no_counts(), **msgspec.json.decode(encoded, type=dict[str, Counts])}


async def prepare(connection: asyncpg.Connection) -> None:
    """Make the empty staging tables; `discard` takes them away again."""
    await discard(connection)
    await connection.execute("create temporary table unseen (row_hash bigint)")
    for record in RECORDS:
        columns = ", ".join(record.columns)
        await connection.execute(
            f"create temporary table staged_{record.name} as select {columns}, row_hash, null::text as broken_rule,"
            f" false as removed from {record.table.fullname} with no data"
        )
    for name, columns in _KNOWN.items():
        (record,) = (record for record in RECORDS if record.name == name)
        await connection.execute(
            f"create temporary view known_{name} as"
            f" select {columns} from {record.table.fullname} t"
            f" where not exists (select from {record.staged} s where s.removed and {record.same('s', 't')})"
            f" union all select {columns} from {record.staged} where broken_rule is null and not removed"
        )


async def discard(connection: asyncpg.Connection) -> None:
    """Drop the staging tables: the connection goes back to the pool without them."""
    await connection.execute(
        "drop view if exists " + ", ".join(f"pg_temp.known_{name}" for name in _KNOWN) + ";"
        "drop table if exists pg_temp.unseen, " + ", ".join(record.staged for record in RECORDS)
    )


async def read_whole(connection: asyncpg.Connection, reading: Reading, record: Record, keys: Keys) -> int:
    """Stage how the whole view differs from what is kept; how many rows were read."""
    kept = await connection.fetchrow(
        "select count(*), coalesce(array_agg(row_hash) filter (where row_hash is not null), '{}') as hashes"
        f" from {record.table.fullname}"
    )
    comparison = Comparison(Fingerprints(record, keys), kept["hashes"])
    stage = _Stage(connection, record, keys)
    read = 0
    async for batch in reading.batches(record.view, size=BATCH):
        await stage(comparison.differing(batch))
        read += len(batch)
    if comparison.unseen or kept["count"] > len(kept["hashes"]):
        await connection.copy_records_to_table("unseen", records=[(number,) for number in comparison.unseen])
        await connection.execute("analyze pg_temp.unseen")
    await _index(connection, record)
    if kept["count"]:
        await _compare(connection, record)
        await connection.execute("truncate pg_temp.unseen")
    return read


async def _compare(connection: asyncpg.Connection, record: Record) -> None:
    """Find the keys that came twice, once as they are kept; stage for removal the kept rows that did not come."""
    unseen = "(t.row_hash is null or t.row_hash in (select row_hash from pg_temp.unseen))"
    await connection.execute(
        f"update {record.staged} s set broken_rule = 'duplicate_key' from {record.table.fullname} t"
        f" where {record.same('s', 't')} and s.broken_rule is null and not {unseen}"
    )
    key = ", ".join(record.key)
    await connection.execute(
        f"insert into {record.staged} ({key}, removed) select {key}, true from {record.table.fullname} t"
        f" where {unseen} and not exists (select from {record.staged} s where {record.same('s', 't')})"
    )


async def read_changed(
    connection: asyncpg.Connection, reading: Reading, record: Record, keys: Keys, changed: Changed
) -> int:
    """Stage what changed in the view, and what waits in the quarantine for rows that it refers to.

    Returns how many rows were read.
    """
    fingerprints, stage = Fingerprints(record, keys), _Stage(connection, record, keys)
    read = 0
    async for batch in reading.batches(record.view, size=BATCH, changed=changed):
        await stage([(row, fingerprints.of(row)) for row in batch])
        read += len(batch)
    await _index(connection, record)
    same = record.same("s", "t")
    await connection.execute(
        f"delete from {record.staged} s using {record.table.fullname} t where {same} and s.row_hash = t.row_hash"
    )
    if record.sealed:  # the quarantine holds no sealed value: such a row waits for the next whole reading
        return read
    columns = ", ".join(record.columns)
    await connection.execute(
        f"insert into {record.staged} ({columns}, removed) select {columns}, false"
        " from isapi.quarantine q cross join jsonb_array_elements(q.content) as c(row)"
        f" cross join jsonb_populate_record(null::{record.table.fullname}, c.row) as t"
        " where q.view = $1 and q.rule = any ($2::text[]) and q.state <> 'resolved'"
        f" and not exists (select from {record.staged} s where {same})",
        record.view.name,
        sorted(REFERENCES),
    )
    return read


class _Stage:
    """Copies rows of a view, cleaned and sealed, into the record's staging table."""

    def __init__(self, connection: asyncpg.Connection, record: Record, keys: Keys) -> None:
        self._connection = connection
        self._record = record
        self._cleaner = Cleaner(record)
        self._sealer = Sealer(keys, record.table.fullname, record.columns, record.sealed)

    async def __call__(self, batch: list[tuple[Row, int | None]]) -> None:
        """Stage these rows; each comes with its hash."""
        rows = await self._sealer.seal(self._connection, self._cleaner.rows(batch))
        if rows:
            await self._connection.copy_records_to_table(
                f"staged_{self._record.name}",
                records=rows,
                columns=[*self._record.columns, "row_hash", "broken_rule", "removed"],
            )


async def _index(connection: asyncpg.Connection, record: Record) -> None:
    """Rows are looked up by key from here on, a few or all of them: the planner is to know which."""
    await connection.execute(f"create index on {record.staged} ({', '.join(record.key)})")
    await connection.execute(f"analyze {record.staged}")
