"""The workers of one supervisor: how many there are, what replaces one that died, and the hand-over to new ones."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from serai.supervisor.worker import Worker

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
STEADY_AFTER = 60.0
"""Seconds after which a worker's end is no longer counted as another failure in a row."""
SILENCE = 30.0
"""A worker whose loop says nothing for so many seconds hangs and is replaced."""


class Crew:
    """Keeps `size` workers alive.

    `spawn(suspects, beside)` starts one: `suspects` counts the workers in a row that died while they were starting a
    plugin, `beside` says that another serves already. A worker that says nothing for `silence` seconds is killed.
    """

    def __init__(
        self,
        size: int,
        spawn: Callable[[dict[str, int], bool], Awaitable[Worker]],
        show: Callable[[str], None],
        *,
        ready_timeout: float,
        stop_timeout: float,
        silence: float = SILENCE,
    ) -> None:
        self._size = size
        self._spawn = spawn
        self._show = show
        self._ready_timeout = ready_timeout
        self._stop_timeout = stop_timeout
        self._silence = silence
        self._workers: list[Worker] = []
        self._watchers: set[asyncio.Task[None]] = set()
        self._replacements: set[asyncio.Task[None]] = set()
        self._adding = asyncio.Lock()
        self._suspects: Counter[str] = Counter()
        self._crashes = 0
        self._closing = False

    @property
    def pids(self) -> list[int]:
        """The workers that run now, the oldest first."""
        return [worker.pid for worker in self._workers]

    async def open(self) -> None:
        """Start all workers."""
        await self._fill()

    async def hand_over(self) -> bool:
        """Replace every worker: the new one is ready before the old one drains. False where a new one was not ready."""
        for worker in self._staying:
            async with self._adding:
                new = await self._add()
            if not await new.ready(self._ready_timeout):
                self._show(f"the new worker {new.pid} did not become ready: worker {worker.pid} goes on serving")
                await self._retire(new)
                await self._fill()  # the old one may have died meanwhile
                return False
            self._show(f"worker {new.pid} serves, worker {worker.pid} drains")
            await self._retire(worker)
        return True

    async def close(self) -> None:
        """Drain all workers at once. No hand-over may go on."""
        self._closing = True
        for replacement in self._replacements:
            replacement.cancel()
        await asyncio.gather(*self._replacements, return_exceptions=True)
        await asyncio.gather(*(self._retire(worker) for worker in list(self._workers)))
        await asyncio.gather(*self._watchers)

    @property
    def _staying(self) -> list[Worker]:
        return [worker for worker in self._workers if not worker.retiring]

    @property
    def _missing(self) -> int:
        return self._size - len(self._staying)

    async def _fill(self) -> None:
        """Start as many workers as are missing."""
        async with self._adding:
            while self._missing > 0:
                await self._add()

    async def _add(self) -> Worker:
        worker = await self._spawn(dict(self._suspects), any(worker.serves for worker in self._workers))
        self._workers.append(worker)
        self._keep(self._watchers, self._watch(worker))
        return worker

    def _keep(self, tasks: set[asyncio.Task[None]], work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    async def _retire(self, worker: Worker) -> None:
        worker.drain()
        if await worker.wait(self._stop_timeout) is None:
            self._show(f"worker {worker.pid} did not end within {self._stop_timeout:g} s and is killed")
            worker.kill()
            await worker.wait()

    async def _watch(self, worker: Worker) -> None:
        """Wait for a worker's end, kill it when it hangs, and have it replaced when it was not told to end."""
        while (code := await worker.wait(min(1.0, self._silence))) is None:
            if not worker.killed and time.monotonic() - worker.last_heard > self._silence:
                self._show(f"worker {worker.pid} has said nothing for {self._silence:g} s and is killed")
                worker.kill()
        self._workers.remove(worker)
        if not worker.retiring and not self._closing:
            self._blame(worker)
            self._keep(self._replacements, self._replace(worker, code))

    async def _replace(self, worker: Worker, code: int) -> None:
        pause = self._pause(worker)
        if self._missing <= 0:  # it was to take over from one that serves on
            self._show(f"worker {worker.pid} {_ended(code)}")
            return
        self._show(f"worker {worker.pid} {_ended(code)}; another starts in {pause:.0f} s")
        await asyncio.sleep(pause)
        while True:
            try:
                await self._fill()
            except OSError as error:
                self._show(f"a worker cannot be started: {error.strerror}; tried again in {LONGEST_PAUSE:.0f} s")
                await asyncio.sleep(LONGEST_PAUSE)
            else:
                return

    def _blame(self, worker: Worker) -> None:
        """Count the plugins that the worker was starting when it died; one that starts well is no suspect."""
        self._suspects = Counter({name: self._suspects[name] + 1 for name in worker.starting})

    def _pause(self, worker: Worker) -> float:
        if time.monotonic() - worker.started > STEADY_AFTER:
            self._crashes = 0
        pause = min(FIRST_PAUSE * 2.0**self._crashes, LONGEST_PAUSE)
        self._crashes += 1
        return pause


def _ended(code: int) -> str:
    return f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
