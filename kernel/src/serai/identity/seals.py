"""The hash chain over the audit log: what is sealed cannot be changed, removed or put between without breaking it.

Each seal is the SHA-256 of the seal before it and of one row. Who can write to the database at will could make the
whole chain anew: so the newest seal is logged each time, and `verify` compares with one that was noted elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import asyncpg
import attrs
import msgspec

from serai.context import Database

PORTION = 1000
"""Rows that are sealed, or verified, at a time."""
BEGIN = bytes(32)
"""What stands for the seal before the first one."""

_COLUMNS = "l.id, l.at, l.action, l.who, l.who_name, l.person, l.subject, l.before, l.after, l.reason, l.request_id"
_LOCK = "select pg_advisory_xact_lock(hashtext('serai.audit_seal'))"
_HEAD = "select position, hash from serai.audit_seal order by position desc limit 1"
_UNSEALED = f"""
    select {_COLUMNS} from serai.audit_unsealed u join serai.audit_log l on l.id = u.audit_id
    order by l.id limit $1 for update of u
"""  # noqa: S608
_SEAL = """
    insert into serai.audit_seal (position, audit_id, hash)
    select * from unnest($1::bigint[], $2::bigint[], $3::bytea[])
"""
_SEALED = f"""
    select s.position, s.audit_id, s.hash, {_COLUMNS}
    from serai.audit_seal s left join serai.audit_log l on l.id = s.audit_id
    where s.position > $1 order by s.position limit $2
"""  # noqa: S608
_FORGOTTEN = """
    select l.id from serai.audit_log l
    where not exists (select from serai.audit_seal s where s.audit_id = l.id)
      and not exists (select from serai.audit_unsealed u where u.audit_id = l.id)
    order by l.id limit 1
"""


@attrs.frozen
class Seal:
    """The chain up to some row."""

    position: int
    hash: bytes

    def __str__(self) -> str:
        return f"{self.position}:{self.hash.hex()}"


@attrs.frozen
class Verdict:
    """What was found: `fault` names the first row that is not as it was sealed; None where all are."""

    head: Seal
    unsealed: int
    """Rows that wait for their seal."""
    fault: str | None


async def seal(database: Database) -> Seal | None:
    """Seal what is not sealed yet, in portions; the newest seal, None where nothing was to be sealed."""
    head = None
    while True:
        async with database.raw() as connection, connection.transaction():
            await connection.execute(_LOCK)
            rows = await connection.fetch(_UNSEALED, PORTION)
            if not rows:
                return head
            head = await _head(connection)
            seals = []
            for row in rows:
                head = Seal(head.position + 1, _hash(head.hash, row))
                seals.append(head)
            ids = [row["id"] for row in rows]
            await connection.execute(_SEAL, [made.position for made in seals], ids, [made.hash for made in seals])
            await connection.execute("delete from serai.audit_unsealed where audit_id = any($1)", ids)


async def verify(database: Database, noted: Seal | None = None) -> Verdict:
    """Look whether every sealed row is as it was, none is missing, and `noted` is a seal of the chain."""
    async with database.raw() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        unsealed = await connection.fetchval("select count(*) from serai.audit_unsealed")
        head = Seal(0, BEGIN)
        while rows := await connection.fetch(_SEALED, head.position, PORTION):
            for row in rows:
                fault = _fault(head, row)
                if fault is not None:
                    return Verdict(head, unsealed, fault)
                head = Seal(row["position"], row["hash"])
                if noted is not None and noted.position == head.position and noted.hash != head.hash:
                    return Verdict(head, unsealed, f"seal {noted.position} is another one than was noted")
        if noted is not None and noted.position > head.position:
            return Verdict(head, unsealed, f"seal {noted.position}, which was noted, is missing")
        forgotten = await connection.fetchval(_FORGOTTEN)
        fault = None if forgotten is None else f"row {forgotten} was left out of the seals"
        return Verdict(head, unsealed, fault)


def _fault(before: Seal, row: asyncpg.Record) -> str | None:
    if row["position"] != before.position + 1:
        return f"seal {before.position + 1} is missing"
    if row["id"] is None:
        return f"row {row['audit_id']} was removed"
    if _hash(before.hash, row) != row["hash"]:
        return f"row {row['audit_id']} of {row['at']:%Y-%m-%d %H:%M:%S}Z was changed, or the seals before it were"
    return None


async def _head(connection: asyncpg.Connection) -> Seal:
    row = await connection.fetchrow(_HEAD)
    return Seal(row["position"], row["hash"]) if row else Seal(0, BEGIN)


def _hash(before: bytes, row: Mapping[str, Any]) -> bytes:
    """Before and after are hashed as they were written, to the letter."""
    values = [row["id"], row["at"].isoformat(timespec="microseconds")]
    values += [row[name] for name in ("action", "who", "who_name", "person", "subject", "before", "after", "reason")]
    return sha256(before + msgspec.json.encode([*values, row["request_id"]])).digest()
