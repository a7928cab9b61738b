"""Making a table equal to another by set-based SQL, touching only the rows that differ."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg
import attrs

ANALYZE_FROM = 1000
"""Changed rows from which on the planner's statistics are made anew at once: derivations that follow need them."""


@attrs.frozen
class Changes:
    """Rows of a table that a merge added, changed and removed."""

    added: int
    changed: int
    removed: int

    @property
    def total(self) -> int:
        return self.added + self.changed + self.removed


async def merge(
    connection: asyncpg.Connection, *, source: str, target: str, key: Sequence[str], columns: Sequence[str]
) -> Changes:
    """Make `target` hold exactly the rows of `source`: the same `columns`, among them the `key`, unique in both."""
    same = " and ".join(f"t.{column} = s.{column}" for column in key)
    removed = await connection.execute(f"delete from {target} t where not exists (select from {source} s where {same})")
    changed = "UPDATE 0"
    if rest := [column for column in columns if column not in key]:
        assignments = ", ".join(f"{column} = s.{column}" for column in rest)
        ours, theirs = (", ".join(f"{alias}.{column}" for column in rest) for alias in "ts")
        changed = await connection.execute(
            f"update {target} t set {assignments} from {source} s where {same} and ({ours}) is distinct from ({theirs})"
        )
    names = ", ".join(columns)
    added = await connection.execute(
        f"insert into {target} ({names}) select {names} from {source} s"
        f" where not exists (select from {target} t where {same})"
    )
    changes = Changes(affected(added), affected(changed), affected(removed))
    if changes.total >= ANALYZE_FROM:
        await connection.execute(f"analyze {target}")
    return changes


def affected(tag: str) -> int:
    """The row count of a command tag: `INSERT 0 12`."""
    return int(tag.rsplit(" ", 1)[-1])
