"""The order in which one deployment comes up and goes down on this host."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from serai.app.control import BACKLOG, Greeting
from serai.config.deployment import Deployment, read
from serai.data.embedded import EmbeddedServer
from serai.errors import SeraiError
from serai.supervisor.crew import Crew
from serai.supervisor.demo import DemoSecrets
from serai.supervisor.state_dir import locked
from serai.supervisor.worker import Worker

SETTLE = 15.0
"""Seconds that a worker gets beyond its plugins' start time before a hand-over is given up."""


class Supervisor:
    """`serai run`. `show` prints a line for people."""

    def __init__(self, deployment: Deployment, *, workers: int | None, show: Callable[[str], None]) -> None:
        self._deployment = deployment
        self._kernel = deployment.kernel
        self._keys = deployment.kernel.keys
        """The keyring of workers that start from now on."""
        self._workers = workers or deployment.kernel.workers
        self._show = show
        self._stop = asyncio.Event()
        self._hand_over = asyncio.Event()

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT; SIGHUP brings new workers. Raises `SeraiError` where it cannot start."""
        state_dir = self._kernel.state_dir.absolute()
        self._take_signals()
        async with AsyncExitStack() as stack:
            lock = await stack.enter_async_context(locked(state_dir, self._show))
            listener = stack.enter_context(_listening(self._kernel.listen, *self._kernel.address))
            dsn = await stack.enter_async_context(self._database(state_dir))
            crew = self._crew(state_dir, listener, lock, dsn)
            stack.push_async_callback(crew.close)
            await crew.open()
            handing_over = asyncio.create_task(self._hand_over_when_asked(crew), name="hand-overs")
            await self._stop.wait()
            self._show("stopping")
            handing_over.cancel()
            await asyncio.wait({handing_over})
        self._show("stopped")

    async def _hand_over_when_asked(self, crew: Crew) -> None:
        while True:
            await self._hand_over.wait()
            self._hand_over.clear()
            try:
                if self._configuration_reads():
                    await crew.hand_over()
            except OSError as error:
                self._show(f"the workers stay as they are: a new one cannot be started: {error.strerror}")

    def _configuration_reads(self) -> bool:
        """Whether the file still makes sense; the workers that serve are not replaced by ones that could not."""
        try:
            deployment = read(self._deployment.document.path, os.environ)
        except SeraiError as error:
            self._show(f"the workers stay as they are: {error}")
            return False
        if deployment.kernel.listen != self._kernel.listen:
            self._show("kernel.listen has changed: that takes effect when `serai run` is started again")
        self._keys = deployment.kernel.keys
        return True

    def _crew(self, state_dir: Path, listener: socket.socket, lock: int, dsn: str) -> Crew:
        kernel = self._kernel
        demo = DemoSecrets.of(state_dir) if kernel.demo is not None else None

        async def spawn(suspects: dict[str, int], beside: bool) -> Worker:
            greeting = Greeting(
                config=str(self._deployment.document.path),
                dsn=dsn,
                keys=[demo.keyring_key] if demo is not None else [key.reveal() for key in self._keys],
                demo_key=demo.client_key if demo is not None else None,
                suspects=suspects,
                beside=beside,
            )
            return await Worker.spawn(listener, lock, greeting, self._show)

        return Crew(
            self._workers,
            spawn,
            self._show,
            ready_timeout=kernel.start_timeout + SETTLE,
            stop_timeout=3 * kernel.stop_grace + SETTLE,
        )

    @asynccontextmanager
    async def _database(self, state_dir: Path) -> AsyncIterator[str]:
        """The DSN; while inside, the embedded server is kept alive."""
        if self._kernel.database.reveal() != "embedded":
            yield self._kernel.database.reveal()
            return
        server = EmbeddedServer(state_dir, self._show)
        self._show("starting PostgreSQL")
        await server.start()
        self._show(server.outside)
        keeper = asyncio.create_task(self._keep(server), name="postgresql")
        try:
            yield server.dsn
        finally:
            keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await keeper
            await server.stop()

    async def _keep(self, server: EmbeddedServer) -> None:
        """Start PostgreSQL again when it ends by itself: it recovers what was committed."""
        pause = 0.0
        while True:
            await server.wait()
            self._show("PostgreSQL ended by itself and is started again")
            await asyncio.sleep(pause)
            try:
                await server.start()
            except SeraiError as error:
                pause = min(pause * 2 + 1, 30.0)
                self._show(f"{error}; tried again in {pause:.0f} s")
            else:
                pause = 0.0

    def _take_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._hand_over.set)


@contextlib.contextmanager
def _listening(address: str, host: str, port: int) -> Iterator[socket.socket]:
    """The listening socket that all workers inherit."""
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise SeraiError(f"kernel.listen = {address!r} is no address of this host: {error}") from None
    with listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(where)
        except OSError as error:
            raise SeraiError(
                f"cannot listen on {address}: {error.strerror}",
                hint="Another program uses that port: stop it, or set kernel.listen (SERAI_KERNEL__LISTEN).",
            ) from None
        listener.listen(BACKLOG)
        listener.setblocking(False)
        yield listener
