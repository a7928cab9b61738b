"""Tells the other processes, and the command line, how this process finds its devices."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import attrs
from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert

from serai.context import Database, DeviceState
from serai.declarations import Log
from serai.devices.tables import device_state
from serai.errors import describe

RETRY = 5.0
"""Seconds after which what could not be written is written again."""


class Reports:
    """Keeps this process's rows of `serai.device_state` as `states()` says."""

    def __init__(
        self, database: Database, process_id: str, states: Callable[[], Sequence[DeviceState]], log: Log
    ) -> None:
        self._database = database
        self._process_id = process_id
        self._states = states
        self._log = log
        self._news = asyncio.Event()

    def changed(self) -> None:
        """Have the states written soon."""
        self._news.set()

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                await self._write()
            except Exception as error:  # noqa: BLE001  # mostly the database is away
                self._log.warning("the states of the devices could not be written", error=describe(error))
                self._news.set()
                await asyncio.sleep(RETRY)

    async def _write(self) -> None:
        new = insert(device_state)
        changing = ("kind", "driver", "state", "since", "reason", "hint")
        row = new.on_conflict_do_update(
            index_elements=[device_state.c.process_id, device_state.c.device],
            set_={name: new.excluded[name] for name in changing},
        )
        rows = []
        for state in self._states():
            values = attrs.asdict(state)
            rows.append({"process_id": self._process_id, "device": values.pop("name"), **values})
        if rows:
            async with self._database.begin() as connection:
                await connection.execute(row, rows)

    async def withdraw(self) -> None:
        """Take this process's rows out."""
        try:
            async with asyncio.timeout(RETRY), self._database.begin() as connection:
                await connection.execute(delete(device_state).where(device_state.c.process_id == self._process_id))
        except Exception as error:  # noqa: BLE001  # mostly the database is away; they go when the process's row goes
            self._log.warning("the states of the devices could not be withdrawn", error=describe(error))
