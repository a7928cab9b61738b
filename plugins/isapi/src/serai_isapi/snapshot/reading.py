"""Reading people from the database, in portions."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import asyncpg

from serai import SeraiError
from serai_isapi.snapshot.pace import Pace
from serai_isapi.snapshot.person import COLUMNS, Person, person_of
from serai_isapi.snapshot.snapshot import Snapshot

PORTION = 200
"""Rows that are fetched at once."""

_PRESENT = f"select {COLUMNS} from isapi.employee e where e.status <> 'leaver'"
_ALL = f"{_PRESENT} and e.emplid > $1 order by e.emplid limit {PORTION}"
_THESE = f"{_PRESENT} and e.emplid = any ($1::text[])"


class OrderDiffers(SeraiError):
    """The database sorts emplids in another way than by their bytes."""


async def read_all(connection: asyncpg.Connection, known: Snapshot, pace: Pace) -> dict[bytes, Person | None]:
    """How everybody who has not left differs from what is `known`, as of one moment; None for those who are gone.

    Raises `OrderDiffers`.
    """
    changes: dict[bytes, Person | None] = {}
    gone = {person.id for person in known.people}
    shared: dict[Any, Any] = {}
    last = b""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        while rows := await connection.fetch(_ALL, last.decode()):
            for row in rows:
                person = person_of(row, shared)
                if person.id <= last:
                    raise OrderDiffers(
                        "the database sorts texts in a language's order, so that people cannot be kept in memory",
                        hint="make it with locale 'C.UTF-8'",
                    )
                last = person.id
                gone.discard(person.id)
                if person != known.people.get(person.id):
                    changes[person.id] = person
                await pace.rest()
    return changes | dict.fromkeys(gone)


async def read_these(
    connection: asyncpg.Connection, emplids: Collection[str], pace: Pace
) -> dict[bytes, Person | None]:
    """These people as they are; None for those who have left, or are not."""
    found: dict[bytes, Person | None] = {emplid.encode(): None for emplid in emplids}
    shared: dict[Any, Any] = {}
    asked = sorted(emplids)
    for start in range(0, len(asked), PORTION):
        for row in await connection.fetch(_THESE, asked[start : start + PORTION]):
            person = person_of(row, shared)
            found[person.id] = person
            await pace.rest()
    return found
