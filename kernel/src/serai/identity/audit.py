"""`AuditLog`: who did what, in the transaction that did it. The database refuses to change or remove what was written.

A job seals rows into a hash chain (`serai.identity.seals`).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from datetime import datetime
from typing import TYPE_CHECKING, Any

import attrs
import msgspec
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection

from serai.context import Database, Principal, View
from serai.identity.fields import FieldPolicy
from serai.identity.marks import marks_of
from serai.telemetry import current

if TYPE_CHECKING:
    import asyncpg

ITSELF = Principal(kind="kernel", id="kernel", name="the kernel itself")
"""Who acts where nobody asked: in jobs and tasks."""
acting: ContextVar[Principal] = ContextVar("acting", default=ITSELF)
"""Who acts: set around requests and commands."""

_WRITE = """
    insert into serai.audit_log (action, who, who_name, person, subject, before, after, reason, request_id)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""
_LIST = """
    select id, at, action, who, who_name, person, subject, before, after, reason, request_id,
           exists (select from serai.audit_seal s where s.audit_id = l.id) as sealed
    from serai.audit_log l
    where ($1::timestamptz is null or at >= $1) and ($2::text is null or action = $2 or starts_with(action, $2 || '.'))
      and ($3::text is null or subject = $3) and ($4::text is null or $4 in (who, who_name, person))
    order by id desc limit $5
"""


@attrs.frozen(kw_only=True)
class Entry:
    """One row of the log."""

    id: int
    at: datetime
    action: str
    who: str
    """The id of the client, `cli:ACCOUNT`, or `kernel`."""
    who_name: str
    person: str | None
    """The emplid of the colleague whose key it was."""
    subject: str
    before: Any
    after: Any
    reason: str
    request_id: str | None
    sealed: bool


class AuditLog:
    """The log for one plugin, or for the kernel. `database` is the kernel's own (schema `serai`)."""

    def __init__(self, database: Database, plugin: str, policy: FieldPolicy | None = None) -> None:
        """`policy` knows the masks of personal fields; the kernel's own entries have none."""
        self._database = database
        self._plugin = plugin
        self._policy = policy or FieldPolicy()

    async def write(
        self,
        action: str,
        *,
        subject: str,
        before: Any = None,
        after: Any = None,
        reason: str = "",
        connection: AsyncConnection | asyncpg.Connection | None = None,
    ) -> None:
        """`serai.Audit.write`."""
        who = acting.get()
        values = (
            f"{self._plugin}.{action}",
            who.id,
            who.name,
            who.person,
            subject,
            self._json(before),
            self._json(after),
            reason,
            _cause(),
        )
        if isinstance(connection, AsyncConnection):  # through SQLAlchemy: its transaction begins with a statement
            await connection.exec_driver_sql(_WRITE, values)
        elif connection is not None:
            await connection.execute(_WRITE, *values)
        else:
            async with self._database.raw() as own:
                await own.execute(_WRITE, *values)

    def _json(self, value: Any) -> str | None:
        if value is None:
            return None
        return msgspec.json.encode(self._policy.show(value, _masked).value, enc_hook=str).decode()


async def entries(
    database: Database,
    *,
    since: datetime | None = None,
    action: str | None = None,
    subject: str | None = None,
    who: str | None = None,
    limit: int = 100,
) -> list[Entry]:
    """The newest entries first; `action` takes those below it too, `who` an id, a name or an emplid."""
    async with database.raw() as connection:
        rows = await connection.fetch(_LIST, since, action, subject, who, limit)
    return [_entry(row) for row in rows]


def _entry(row: Mapping[str, Any]) -> Entry:
    states = {name: None if row[name] is None else msgspec.json.decode(row[name]) for name in ("before", "after")}
    return Entry(**{**row, **states})


def _masked(shape: type[Struct], _subject: str | None) -> View:
    """The log shows no personal field clear, whoever reads it."""
    marks = marks_of(shape)
    return View("masked", frozenset(), marks.maskable, frozenset(marks.personal) - marks.maskable)


def _cause() -> str | None:
    run = current.run_id.get()
    return current.request_id.get() or (None if run is None else f"run:{run}")
