"""The record of synchronisations: `sync_run`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal

import attrs
import msgspec

from serai import Database
from serai_isapi.staging import Counts

KEPT = timedelta(days=30)
"""How long runs, and quarantined rows that came clean, are kept."""

Kind = Literal["full", "increment"]


@attrs.frozen
class RunRecord:
    """One run's row, written on connections of its own: what it says stays whatever becomes of the run."""

    db: Database
    id: int

    @classmethod
    async def open(cls, db: Database, kind: Kind, now: datetime) -> RunRecord:
        """A new run, `queued`."""
        async with db.raw() as connection:
            await connection.execute("delete from isapi.sync_run where started < $1", now - KEPT)
            await connection.execute(
                "delete from isapi.quarantine where state = 'resolved' and last_seen < $1", now - KEPT
            )
            id_ = await connection.fetchval(
                "insert into isapi.sync_run (kind, state, started, counts) values ($1, 'queued', $2, '{}')"
                " returning id",
                kind,
                now,
            )
        return cls(db, id_)

    async def close_older(self, now: datetime) -> None:
        """Runs before this one that never ended died with their process: this one has the lock now."""
        async with self.db.raw() as connection:
            await connection.execute(
                "update isapi.sync_run set state = 'failed', reason = 'its process ended in the middle of it',"
                " finished = $2 where id < $1 and finished is null",
                self.id,
                now,
            )

    async def reach(self, state: str, counts: Mapping[str, Counts], data_as_of: datetime | None = None) -> None:
        """Say how far it is: `extracting`, `validating` or `applying`."""
        async with self.db.raw() as connection:
            await connection.execute(
                "update isapi.sync_run set state = $2, counts = $3, data_as_of = coalesce($4, data_as_of),"
                " finished = null where id = $1",
                self.id,
                state,
                _json(counts),
                data_as_of,
            )

    async def finish(self, state: str, counts: Mapping[str, Counts], now: datetime, reason: str | None = None) -> None:
        """Say how it ended: `done`, `held` or `failed`; every process hears of it.

        Unless it failed, what an earlier run was held for is not what is at hand any more.
        """
        async with self.db.raw() as connection, connection.transaction():
            await connection.execute(
                "update isapi.sync_run set state = $2, counts = $3, finished = $4, reason = $5 where id = $1",
                self.id,
                state,
                _json(counts),
                now,
                reason,
            )
            if state != "failed":
                await connection.execute(
                    "update isapi.sync_run set state = 'superseded' where id < $1 and state in ('held', 'approved')",
                    self.id,
                )
            await self.db.notify("synced", str(self.id), connection=connection)


def _json(counts: Mapping[str, Counts]) -> str:
    return msgspec.json.encode({view: attrs.asdict(count) for view, count in counts.items()}).decode()
