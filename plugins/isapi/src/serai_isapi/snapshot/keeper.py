"""The newest snapshot of this process, and what keeps it the newest."""

from __future__ import annotations

import asyncio

import asyncpg

from serai import Database, Log, Unavailable
from serai_isapi.snapshot.pace import Pace
from serai_isapi.snapshot.reading import OrderDiffers, read_all
from serai_isapi.snapshot.snapshot import EMPTY, Snapshot

PAUSE = 1.0
"""Seconds until a reading that failed is tried again."""


class Snapshots:
    """Holds one snapshot at a time; readers take `current` and are never between two states."""

    def __init__(self, db: Database, log: Log) -> None:
        self.current: Snapshot | None = None
        """None before the first reading has ended: the database answers until then."""
        self._db = db
        self._log = log
        self._stale = asyncio.Event()

    def heard(self, _payload: str | None = None) -> None:
        """Something has changed, or may have: a listener of channel `synced`."""
        self._stale.set()

    async def keep(self) -> None:
        """Read again whenever something was heard, as long as the plugin runs."""
        while True:
            await self._stale.wait()
            self._stale.clear()
            try:
                await self.refresh()
            except OrderDiffers as error:
                self._log.warning("people are not kept in memory", reason=error.sentence, hint=error.hint)
                return
            except (Unavailable, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                self._log.warning("reading people into memory failed; trying again", reason=type(error).__name__)
                await asyncio.sleep(PAUSE)
                self._stale.set()

    async def refresh(self) -> None:
        """Make `current` what the database holds now."""
        known = self.current or EMPTY
        pace = Pace()
        async with self._db.raw() as connection:
            changes = await read_all(connection, known, pace)
        if changes or self.current is None:
            self.current = await known.changed(changes, pace)
