"""Exclusive devices: one process of the cluster holds one, by a row in the database and a lock on its host.

The row is what other hosts see; it runs out when its owner dies. The lock is what the same host sees: it goes with the
process, and holds also where the owner is stuck past its lease with the device still open.
"""

from __future__ import annotations

import asyncio
import fcntl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TextIO

from sqlalchemy import Interval, delete, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from serai.context import Database
from serai.declarations import Log
from serai.devices.tables import device_lease
from serai.errors import SeraiError, describe

GIVE_BACK = 2.0
"""Seconds in which a lease is to be given back; one that cannot be runs out."""


class HeldElsewhere(SeraiError):
    """Another process has the device."""


class Leases:
    """The leases of one process. `lease` is how many seconds one outlives its owner's last sign of life.

    `margin` is how many seconds before that end the owner, if it cannot renew, begins to let go.
    """

    def __init__(
        self, database: Database, process_id: str, folder: Path, log: Log, *, lease: float, margin: float
    ) -> None:
        self._database = database
        self._process_id = process_id
        self._folder = folder
        self._log = log
        self._lease = lease
        self._margin = margin
        self._until = func.now() + literal(timedelta(seconds=lease), Interval)

    @asynccontextmanager
    async def hold(self, device: str, lost: Callable[[str], None]) -> AsyncIterator[None]:
        """Hold the device inside the block, or raise `HeldElsewhere` at once.

        `lost(reason)` is called when it must be let go of: the block is to be left within the margin.
        """
        lock = self._lock(device)
        taken_at = asyncio.get_running_loop().time()
        try:
            await self._take(device)
        except BaseException:
            lock.close()
            raise
        renewal = asyncio.create_task(self._keep(device, taken_at, lost), name=f"lease of {device}")
        try:
            yield
        finally:
            renewal.cancel()
            await asyncio.wait({renewal})
            lock.close()
            await self._give_back(device)

    def _lock(self, device: str) -> TextIO:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (self._folder / f"device-{device}.lock").open("a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise HeldElsewhere("Another process of this host holds it.") from None
        except OSError:
            lock.close()
            raise
        return lock

    async def _take(self, device: str) -> None:
        wanted = insert(device_lease).values(
            device=device, process_id=self._process_id, since=func.now(), until=self._until
        )
        free = or_(device_lease.c.until < func.now(), device_lease.c.process_id == wanted.excluded.process_id)
        taken = wanted.on_conflict_do_update(
            index_elements=[device_lease.c.device],
            set_={name: wanted.excluded[name] for name in ("process_id", "since", "until")},
            where=free,
        ).returning(device_lease.c.device)
        async with self._database.begin() as connection:
            if await connection.scalar(taken) is None:
                owner = select(device_lease.c.process_id).where(device_lease.c.device == device)
                raise HeldElsewhere(f"The process {await connection.scalar(owner)} holds it.")

    async def _keep(self, device: str, taken_at: float, lost: Callable[[str], None]) -> None:
        """Renew until cancelled, or say that the lease is lost."""
        try:
            async with asyncio.timeout_at(taken_at + self._lease - self._margin) as deadline:
                while True:
                    await asyncio.sleep(self._lease / 5)
                    began = asyncio.get_running_loop().time()
                    if kept := await self._renew(device):
                        deadline.reschedule(began + self._lease - self._margin)
                    elif kept is False:
                        lost("Another process has taken it over.")
                        return
        except TimeoutError:
            lost("Its lease could not be renewed: the database cannot be reached.")

    async def _renew(self, device: str) -> bool | None:
        """Whether the lease is still ours; None where nobody can say."""
        mine = (
            update(device_lease)
            .where(device_lease.c.device == device, device_lease.c.process_id == self._process_id)
            .values(until=self._until)
            .returning(device_lease.c.device)
        )
        try:
            async with asyncio.timeout(self._lease / 5), self._database.begin() as connection:
                return await connection.scalar(mine) is not None
        except Exception as error:  # noqa: BLE001  # mostly the database is away
            self._log.warning("a lease could not be renewed", device=device, error=describe(error))
            return None

    async def _give_back(self, device: str) -> None:
        """Let others take it at once."""
        mine = device_lease.c.device == device, device_lease.c.process_id == self._process_id
        try:
            async with asyncio.timeout(GIVE_BACK), self._database.begin() as connection:
                await connection.execute(delete(device_lease).where(*mine))
                await self._database.notify("devices", device, connection=connection)
        except Exception as error:  # noqa: BLE001  # mostly the database is away; the lease runs out
            self._log.warning("a lease could not be given back", device=device, error=describe(error))
