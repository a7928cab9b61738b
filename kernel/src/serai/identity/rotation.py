"""Re-encrypting what older keys have encrypted with the first one, a portion of rows in a transaction each.

It can be cut off anywhere and begun anew: every box says which key it is of, and opens until the next one is written.
"""

from __future__ import annotations

from collections.abc import Callable

import asyncpg
import attrs

from serai.context import Database
from serai.errors import SeraiError
from serai.identity import encrypted
from serai.identity.encrypted import Place
from serai.identity.keyring import DoesNotOpen, Keyring, missing

PORTION = 1000
"""Rows that one transaction re-encrypts."""

Progress = Callable[[str, int, int], None]
"""Hears which place is being worked on, and how many rows of how many are done, over all places."""


@attrs.frozen
class Rotated:
    """What a rotation did, in rows."""

    done: int
    left: int
    """Held by somebody else just then: the next rotation takes them."""


async def rotate(database: Database, keyring: Keyring, progress: Progress) -> Rotated:
    """Re-encrypt everything that is not of the first key.

    Raises `KeyMissing` where a key that is needed is not configured, and `SeraiError` where boxes do not open; all
    others are re-encrypted by then.
    """
    older = keyring.ids[1:]
    counts = await encrypted.count(database)
    work = _Rotation(database, keyring, progress, sum(of.get(key_id, 0) for of in counts.values() for key_id in older))
    for place in counts:
        await work.re_encrypt(place)
    counts = await encrypted.count(database)
    for place, of in counts.items():
        for key_id in of.keys() - set(keyring.ids):
            raise missing(place.label, key_id)
    broken = sum(map(len, work.broken.values()))
    if broken:
        named = ", ".join(place.label for place in work.broken)
        raise SeraiError(
            f"{broken} values of {named} do not open",
            hint="they were changed, or moved there from other rows: restore them, or let them be read from the source",
        )
    return Rotated(work.done, sum(of.get(key_id, 0) for of in counts.values() for key_id in older))


@attrs.define
class _Rotation:
    database: Database
    keyring: Keyring
    progress: Progress
    total: int
    done: int = 0
    broken: dict[Place, list[bytes]] = attrs.field(factory=dict)
    """Boxes that do not open."""

    async def re_encrypt(self, place: Place) -> None:
        """Re-encrypt a place, but the rows that somebody else holds: waiting for them could end in a deadlock."""
        self.progress(place.label, self.done, self.total)
        while True:
            async with self.database.raw() as connection, connection.transaction():
                rows = await connection.fetch(
                    _select(place), list(self.keyring.ids[1:]), self.broken.get(place, []), PORTION
                )
                if not rows:
                    return
                changes = [change for row in rows if (change := self._change(place, row)) is not None]
                places, boxes, indexes = ([change[at] for change in changes] for at in range(3))
                await connection.execute(_update(place), places, boxes, indexes)
            self.done += len(changes)
            self.progress(place.label, self.done, self.total)

    def _change(self, place: Place, row: asyncpg.Record) -> tuple[object, bytes, bytes] | None:
        """Where the row is, its new box and index; None where the box does not open."""
        plugin, column = place.plugin, place.column
        ctid, *names, box = row.values()
        try:
            value = self.keyring.decrypt(plugin, column, names, box)
        except DoesNotOpen:
            self.broken.setdefault(place, []).append(box)
            return None
        return ctid, self.keyring.encrypt(plugin, column, names, value), self.keyring.indexes(plugin, column, value)[0]


def _select(place: Place) -> str:
    box = place.column.column
    return (
        f"select ctid, {', '.join(place.column.row)}, {box} from {place.name}"  # noqa: S608  checked names
        f" where substr({box}, 2, 4) = any($1::bytea[]) and {box} <> all($2::bytea[])"
        " limit $3 for update skip locked"
    )


def _update(place: Place) -> str:
    box, index = place.column.column, place.column.index
    indexed = f", {index} = n.hash" if index is not None else ""
    return (
        f"update {place.name} t set {box} = n.new{indexed}"  # noqa: S608  checked names
        " from unnest($1::tid[], $2::bytea[], $3::bytea[]) as n(place, new, hash) where t.ctid = n.place"
    )
