"""Rows that broke a rule: put aside, found again, resolved by themselves, or ignored by somebody who knows why."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import asyncpg
import attrs
import msgspec

from serai import Audit, Conflict, Database, NotFound
from serai_isapi.decisions import Decider, decision_of
from serai_isapi.records import Record
from serai_isapi.rules import explain
from serai_isapi.shapes import QuarantineEntry, QuarantineState


class QuarantineEntryNotFound(NotFound):
    """There is no quarantined row of that id."""

    slug = "quarantine-entry-not-found"
    title = "There is no such quarantined row"


class QuarantineEntryResolved(Conflict):
    """The row came clean meanwhile: there is nothing to decide."""

    slug = "quarantine-entry-resolved"
    title = "The quarantined row has come clean"


def _key(record: Record) -> str:
    parts = ", ".join(f"'{column}', s.{column}" for column in record.key)
    return f"jsonb_build_object({parts})"


def _hidden(record: Record) -> str:
    """Columns that are not put aside: what staging adds, and what is only kept encrypted, where it is rotated."""
    return ", ".join(f"'{column}'" for column in ("row_hash", "broken_rule", "removed", *record.secret_columns))


async def put_aside(connection: asyncpg.Connection, record: Record, run_id: int, now: datetime) -> None:
    """Remember the bad staged rows of a record, those with one rule and key together."""
    await connection.execute(
        f"""
        with bad as (
            select broken_rule as rule, {_key(record)} as key, count(*) as rows,
                   jsonb_agg(to_jsonb(s) - array[{_hidden(record)}]) as content
            from {record.staged} s where broken_rule is not null group by 1, 2
        ),
        again as (
            update isapi.quarantine q set content = bad.content, rows = bad.rows, last_seen = $3, last_run = $1,
                   times = q.times + 1, state = case q.state when 'resolved' then 'open' else q.state end
            from bad where q.view = $2 and q.rule = bad.rule and q.key = bad.key returning q.id, q.rule, q.key
        ),
        new as (
            insert into isapi.quarantine (run_id, last_run, view, rule, key, content, rows, first_seen, last_seen)
            select $1, $1, $2, rule, key, content, rows, $3, $3 from bad
            where not exists (select from again a where a.rule = bad.rule and a.key = bad.key)
            order by rule, key returning id
        )
        insert into isapi.quarantine_sighting (run_id, quarantine_id)
        select $1, id from (select id from again union all select id from new) as seen
        """,
        run_id,
        record.view.name,
        now,
    )


async def resolve(connection: asyncpg.Connection, record: Record, run_id: int, *, whole: bool) -> None:
    """Close what the run `run_id` did not find bad any more: of the whole view, or of the keys that it read."""
    clean = "true" if whole else f"exists (select from {record.staged} s where {_key(record)} = q.key)"
    await connection.execute(
        "update isapi.quarantine q set state = 'resolved'"
        f" where view = $1 and state <> 'resolved' and last_run <> $2 and {clean}",
        record.view.name,
        run_id,
    )


async def counted(connection: asyncpg.Connection, run_id: int) -> int:
    """How many of the rows that the run found bad nobody ignores."""
    found: int = await connection.fetchval(
        "select coalesce(sum(q.rows), 0) from isapi.quarantine_sighting s join isapi.quarantine q"
        " on q.id = s.quarantine_id where s.run_id = $1 and q.state <> 'ignored'",
        run_id,
    )
    return found


@attrs.frozen
class Quarantine:
    """What is in the quarantine, over all runs."""

    db: Database
    audit: Audit

    async def entries(
        self,
        *,
        state: QuarantineState = "open",
        view: str | None = None,
        rule: str | None = None,
        key: str | None = None,
        limit: int = 50,
        after: int = 0,
        hidden: Collection[str] = (),
    ) -> list[QuarantineEntry]:
        """At most `limit` entries in the order of their ids, from beyond `after` on.

        `key` is the value of any column of the key. Entries whose keys name one of the `hidden` people are left out.
        """
        async with self.db.raw() as connection:
            rows = await connection.fetch(
                f"select {_COLUMNS} from isapi.quarantine q where state = $1 and id > $2"
                " and ($3::text is null or view = $3) and ($4::text is null or rule = $4) and ($5::text is null"
                " or exists (select from jsonb_each_text(q.key) as k where k.value = $5))"
                " and not exists (select from jsonb_each_text(q.key) as k where k.value = any ($7::text[]))"
                " order by id limit $6",
                state, after, view, rule, key, limit, hidden,
            )  # fmt: skip
        return [_entry(row) for row in rows]

    async def ignore(self, id_: str, decider: Decider, *, hidden: Collection[str] = ()) -> QuarantineEntry:
        """Leave the row out of what holds a run. Raises `QuarantineEntryNotFound`, `QuarantineEntryResolved`."""
        return await self._decide(id_, "ignored", decider, hidden)

    async def reopen(self, id_: str, decider: Decider, *, hidden: Collection[str] = ()) -> QuarantineEntry:
        """Count it again. Raises `QuarantineEntryNotFound`, `QuarantineEntryResolved`."""
        return await self._decide(id_, "open", decider, hidden)

    async def _decide(self, id_: str, state: str, decider: Decider, hidden: Collection[str]) -> QuarantineEntry:
        number = int(id_) if id_.isascii() and id_.isdigit() and len(id_) <= 18 else 0
        async with self.db.raw() as connection, connection.transaction():
            row = await connection.fetchrow(
                "update isapi.quarantine q set state = $2, decided_by = $3, decided_person = $4, decision_reason = $5,"
                f" decided_at = $6 where id = $1 and state <> 'resolved' and {_VISIBLE.format(7)} returning {_COLUMNS}",
                number, state, *attrs.astuple(decider), list(hidden),
            )  # fmt: skip
            if row is not None:
                entry = _entry(row)
                await self.audit.write(
                    f"quarantine.{state}", subject=id_, after={"rule": entry.rule, "key": entry.key},
                    reason=decider.reason, connection=connection,
                )  # fmt: skip
                return entry
            known = f"select exists (select from isapi.quarantine q where id = $1 and {_VISIBLE.format(2)})"
            if await connection.fetchval(known, number, list(hidden)):
                raise QuarantineEntryResolved(f"the quarantined row {id_} has come clean in a later run")
        raise QuarantineEntryNotFound(f"there is no quarantined row {id_}")


_VISIBLE = "not exists (select from jsonb_each_text(q.key) as h where h.value = any (${}::text[]))"
_COLUMNS = (
    "id, view, rule, key, rows, state, first_seen, last_seen, times,"
    " decided_by, decided_person, decided_at, decision_reason"
)


def _entry(row: Mapping[str, Any]) -> QuarantineEntry:
    meaning, remedy = explain(row["rule"])
    return QuarantineEntry(
        id=str(row["id"]),
        key=msgspec.json.decode(row["key"]),
        meaning=meaning,
        remedy=remedy,
        decision=decision_of(row),
        **{name: row[name] for name in ("view", "rule", "rows", "state", "first_seen", "last_seen", "times")},
    )
