"""The workers of one supervisor: how many there are, what replaces one that died, and the hand-over to new ones."""

from __future__ import annotations

import asyncio
import socket
import time
from collections import Counter
from collections.abc import Callable

from serai.app.control import Greeting
from serai.supervisor.worker import Worker

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
STEADY_AFTER = 60.0
"""Seconds after which a worker's end is no longer counted as another failure in a row."""
SILENCE = 30.0
"""A worker whose loop says nothing for so many seconds hangs and is replaced."""


class Crew:
    """Keeps `size` workers alive on one listening socket."""

    def __init__(
        self,
        size: int,
        listener: socket.socket,
        greet: Callable[[dict[str, int]], Greeting],
        show: Callable[[str], None],
        *,
        ready_timeout: float,
        stop_timeout: float,
    ) -> None:
        self._size = size
        self._listener = listener
        self._greet = greet
        self._show = show
        self._ready_timeout = ready_timeout
        self._stop_timeout = stop_timeout
        self._workers: list[Worker] = []
        self._watchers: set[asyncio.Task[None]] = set()
        self._suspects: Counter[str] = Counter()
        self._crashes = 0
        self._closing = False

    @property
    def pids(self) -> list[int]:
        """The workers that run now, the oldest first."""
        return [worker.pid for worker in self._workers]

    async def open(self) -> None:
        """Start all workers and wait until the first is ready, or until it ended and its replacement is on the way."""
        workers = [await self._add() for _ in range(self._size)]
        await workers[0].ready(self._ready_timeout)

    async def hand_over(self) -> bool:
        """Replace every worker: the new one is ready before the old one drains. False where a new one was not ready."""
        for worker in list(self._workers):
            new = await self._add()
            if not await new.ready(self._ready_timeout):
                self._show(f"the new worker {new.pid} did not become ready: worker {worker.pid} goes on serving")
                await self._retire(new)
                return False
            self._show(f"worker {new.pid} serves, worker {worker.pid} drains")
            await self._retire(worker)
        return True

    async def close(self) -> None:
        """Drain all workers at once."""
        self._closing = True
        await asyncio.gather(*(self._retire(worker) for worker in list(self._workers)))
        for watcher in list(self._watchers):
            watcher.cancel()
        await asyncio.gather(*self._watchers, return_exceptions=True)

    async def _add(self) -> Worker:
        worker = await Worker.spawn(self._listener, self._greet(dict(self._suspects)), self._show)
        self._workers.append(worker)
        watcher = asyncio.create_task(self._watch(worker), name=f"watch-{worker.pid}")
        self._watchers.add(watcher)
        watcher.add_done_callback(self._watchers.discard)
        return worker

    async def _retire(self, worker: Worker) -> None:
        worker.drain()
        if await worker.wait(self._stop_timeout) is None:
            self._show(f"worker {worker.pid} did not end within {self._stop_timeout:g} s and is killed")
            worker.kill()
            await worker.wait()

    async def _watch(self, worker: Worker) -> None:
        """Wait for a worker's end, kill it when it hangs, and replace it when it was not told to end."""
        while (code := await worker.wait(1.0)) is None:
            if time.monotonic() - worker.last_heard > SILENCE:
                self._show(f"worker {worker.pid} has said nothing for {SILENCE:g} s and is killed")
                worker.kill()
        self._workers.remove(worker)
        if worker.retiring or self._closing:
            return
        self._blame(worker)
        pause = self._pause(worker)
        self._show(f"worker {worker.pid} {_ended(code)}; another starts in {pause:.0f} s")
        await asyncio.sleep(pause)
        if not self._closing and len(self._workers) < self._size:
            await self._add()

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
