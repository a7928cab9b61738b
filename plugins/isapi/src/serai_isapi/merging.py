"""Changing kept tables by set-based SQL, touching only the rows that differ."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg
import attrs

from serai_isapi.records import Record

_MUCH = 0.1
"""From this part of a table's rows on its statistics are made anew at once: derivations that follow need them."""


@attrs.frozen
class Changes:
    """Rows of a table that a merge added, changed and removed."""

    added: int
    changed: int
    removed: int

    @property
    def put(self) -> int:
        """Rows that are there now otherwise than before."""
        return self.added + self.changed


async def apply_staged(connection: asyncpg.Connection, record: Record) -> Changes:
    """Put the good staged rows into the record's table, and take the removed ones out.

    Kept rows that a bad one may stand for stay; losing their hash, they are looked at anew by every whole reading.
    """
    target, same = record.table.fullname, record.same("s", "t")
    good = "s.broken_rule is null and not s.removed"
    removed = await connection.execute(f"delete from {target} t using {record.staged} s where s.removed and {same}")
    await connection.execute(
        f"update {target} t set row_hash = null from {record.staged} b"
        f" where b.broken_rule is not null and {record.agrees('b', 't')}"
    )
    rest = [column for column in record.columns if column not in record.key]
    changed = await connection.execute(
        f"update {target} t set {_assignments([*rest, 'row_hash'])} from {record.staged} s"
        f" where {good} and {same} and {_differ(rest)}"
    )
    names = ", ".join([*record.columns, "row_hash"])
    added = await connection.execute(
        f"insert into {target} ({names}) select {names} from {record.staged} s"
        f" where {good} and not exists (select from {target} t where {same})"
    )
    changes = Changes(affected(added), affected(changed), affected(removed))
    if await connection.fetchval(f"select count(*) from {record.staged} s where {good}") > changes.put:
        await connection.execute(
            f"update {target} t set row_hash = s.row_hash from {record.staged} s"
            f" where {good} and {same} and t.row_hash is distinct from s.row_hash"
        )
    await _learn(connection, target, changes.put + changes.removed)
    return changes


Keys = list[tuple[str, ...]]


async def replace(
    connection: asyncpg.Connection,
    *,
    source: str,
    target: str,
    key: Sequence[str],
    columns: Sequence[str],
    within: str = "true",
) -> Keys:
    """Make the rows of `target` that are `within` a condition on `t` exactly those of `source`.

    Both have the same `columns`, among them the `key`, unique in both. Returns the keys of the rows that were removed,
    changed or added.
    """
    same = " and ".join(f"t.{column} = s.{column}" for column in key)
    returned = ", ".join(f"t.{column}" for column in key)
    rest = [column for column in columns if column not in key]
    names = ", ".join(columns)
    keys: Keys = []
    for statement in (
        f"delete from {target} t where {within} and not exists (select from {source} s where {same})",
        f"update {target} t set {_assignments(rest)} from {source} s where {same} and {_differ(rest)}",
        f"insert into {target} as t ({names}) select {names} from {source} s"
        f" where not exists (select from {target} t where {same})",
    ):
        keys += [tuple(row) for row in await connection.fetch(f"{statement} returning {returned}")]
    await _learn(connection, target, len(keys))
    return keys


async def _learn(connection: asyncpg.Connection, table: str, changed: int) -> None:
    """Make the planner's statistics anew where much has changed since there were any."""
    known = await connection.fetchval("select reltuples from pg_class where oid = $1::text::regclass", table)
    if changed > _MUCH * max(known, 0):
        await connection.execute(f"analyze {table}")


def _assignments(columns: Sequence[str]) -> str:
    return ", ".join(f"{column} = s.{column}" for column in columns)


def _differ(columns: Sequence[str]) -> str:
    ours, theirs = (", ".join(f"{alias}.{column}" for column in columns) for alias in "ts")
    return f"({ours}) is distinct from ({theirs})"


def affected(tag: str) -> int:
    """The row count of a command tag: `INSERT 0 12`."""
    return int(tag.rsplit(" ", 1)[-1])
