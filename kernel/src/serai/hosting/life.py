"""The one task that enters a plugin's `lifespan`, lives with it and leaves it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from serai.telemetry.current import plugin as current_plugin


class Life:
    """A lifespan entered, held and left in the same task, as async context managers ask for."""

    def __init__(
        self, name: str, manager: AbstractAsyncContextManager[None], ended: Callable[[BaseException | None], None]
    ) -> None:
        self._manager = manager
        self._ended = ended
        self._entered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._leave = asyncio.Event()
        self._task = asyncio.create_task(self._live(name), name=f"{name}:lifespan")

    async def enter(self) -> None:
        """Wait until the lifespan is entered. What it raises on the way is raised here; cancelling gives it up."""
        try:
            await asyncio.wait({self._entered, self._task}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self._task.cancel()
            raise
        if not self._entered.done():
            self._entered.cancel()
            await self._task
            raise RuntimeError("lifespan ended before it yielded")
        self._task.add_done_callback(self._notice_end)

    async def leave(self, timeout: float) -> BaseException | None:
        """Leave the lifespan; what it raised on the way out, or `TimeoutError` where it did not end in `timeout` s."""
        self._leave.set()
        done, _ = await asyncio.wait({self._task}, timeout=timeout)
        if not done:
            self._task.cancel()
            done, _ = await asyncio.wait({self._task}, timeout=1.0)
            return TimeoutError(f"its lifespan did not end within {timeout:g} s")
        return None if self._task.cancelled() else self._task.exception()

    async def _live(self, name: str) -> None:
        current_plugin.set(name)
        async with self._manager:
            self._entered.set_result(None)
            await self._leave.wait()

    def _notice_end(self, task: asyncio.Task[None]) -> None:
        if not self._leave.is_set():
            self._ended(None if task.cancelled() else task.exception())
