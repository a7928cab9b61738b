"""Reading the record of synchronisations."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Literal

import attrs
import msgspec

from serai import Audit, Conflict, Database, NotFound
from serai_isapi.decisions import Decider, decision_of
from serai_isapi.shapes import QuarantinedRow, SyncRun, ViewCounts


class SyncRunNotFound(NotFound):
    """There is no synchronisation of that id."""

    slug = "sync-run-not-found"
    title = "There is no such synchronisation"


class SyncRunNotHeld(Conflict):
    """The synchronisation does not wait for a decision: it never did, it was decided, or a later one has ended."""

    slug = "sync-run-not-held"
    title = "The synchronisation does not wait for a decision"


@attrs.frozen
class Journal:
    """The synchronisations and the rows that they quarantined."""

    db: Database
    audit: Audit

    async def runs(self, *, limit: int = 50, before: int | None = None) -> list[SyncRun]:
        """At most `limit` runs, the newest first, from before the run `before` on."""
        async with self.db.raw() as connection:
            rows = await connection.fetch(
                f"select {_COLUMNS} from isapi.sync_run where id < coalesce($1, id + 1) order by id desc limit $2",
                before,
                limit,
            )
        return [_run(row) for row in rows]

    async def run(self, id_: str) -> SyncRun:
        """That run. Raises `SyncRunNotFound`."""
        async with self.db.raw() as connection:
            row = await connection.fetchrow(f"select {_COLUMNS} from isapi.sync_run where id = $1", _number(id_))
        if row is None:
            raise SyncRunNotFound(f"there is no synchronisation {id_}")
        return _run(row)

    async def decide(self, id_: str, state: Literal["approved", "rejected"], decider: Decider) -> SyncRun:
        """Decide about the held run. Raises `SyncRunNotFound`, and `SyncRunNotHeld` where nothing waits any more."""
        async with self.db.raw() as connection, connection.transaction():
            row = await connection.fetchrow(
                "update isapi.sync_run set state = $2, decided_by = $3, decided_person = $4, decision_reason = $5,"
                f" decided_at = $6 where id = $1 and state = 'held' returning {_COLUMNS}",
                _number(id_), state, *attrs.astuple(decider),
            )  # fmt: skip
            if row is not None:
                await self.audit.write(
                    f"run.{state}", subject=id_, after={"counts": _run(row).counts}, reason=decider.reason,
                    connection=connection,
                )  # fmt: skip
                await self.db.notify("synced", id_, connection=connection)
                return _run(row)
        run = await self.run(id_)
        raise SyncRunNotHeld(f"synchronisation {id_} is {run.state}", hint="GET /sync-runs shows which one is held")

    async def quarantined(
        self, id_: str, *, limit: int = 50, after: int = 0, hidden: Collection[str] = ()
    ) -> list[tuple[int, QuarantinedRow]]:
        """At most `limit` rows that the run quarantined, each with its position, from beyond position `after` on.

        Rows whose keys name one of the `hidden` people are left out.

        Raises `SyncRunNotFound`.
        """
        async with self.db.raw() as connection:
            rows = await connection.fetch(
                "select q.id, q.view, q.rule, q.key from isapi.sync_run r"
                " left join (isapi.quarantine_sighting s join isapi.quarantine q on q.id = s.quarantine_id)"
                " on s.run_id = r.id and q.id > $2"
                " and not exists (select from jsonb_each_text(q.key) as k where k.value = any ($4::text[]))"
                " where r.id = $1 order by q.id limit $3",
                _number(id_),
                after,
                limit,
                list(hidden),
            )
        if not rows:
            raise SyncRunNotFound(f"there is no synchronisation {id_}")
        return [
            (row["id"], QuarantinedRow(view=row["view"], rule=row["rule"], key=msgspec.json.decode(row["key"])))
            for row in rows
            if row["id"] is not None
        ]


_COLUMNS = (
    "id, kind, state, started, finished, data_as_of, reason, counts,"
    " decided_by, decided_person, decided_at, decision_reason"
)


def _number(id_: str) -> int:
    if not (id_.isascii() and id_.isdigit() and len(id_) <= 18):
        raise SyncRunNotFound(f"there is no synchronisation {id_}")
    return int(id_)


def _run(row: Mapping[str, Any]) -> SyncRun:
    return SyncRun(
        id=str(row["id"]),
        decision=decision_of(row),
        counts=msgspec.json.decode(row["counts"], type=dict[str, ViewCounts]),
        **{name: row[name] for name in ("kind", "state", "started", "finished", "data_as_of", "reason")},
    )
