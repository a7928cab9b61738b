"""One worker process as the supervisor sees it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
import time
from collections.abc import Callable

import msgspec

from serai.app.control import Greeting, Message, decode_message, encode


class Worker:
    """A worker process, started with `exec` and the inherited listening socket."""

    def __init__(self, process: asyncio.subprocess.Process, show: Callable[[str], None]) -> None:
        self.process = process
        self.pid = process.pid
        self.started = time.monotonic()
        self.retiring = False
        """It was told to end: its end is no crash."""
        self.killed = False
        self.starting: set[str] = set()
        """Plugins that it is starting just now: the suspects if it dies."""
        self.last_heard = time.monotonic()
        self._show = show
        self._ready = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    async def spawn(cls, listener: socket.socket, lock: int, greeting: Greeting, show: Callable[[str], None]) -> Worker:
        """Start a worker and greet it. It inherits the listening socket and, to hold it as well, the lock."""
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=ours)
        try:
            # Nothing is awaited after this that could leave a process behind of which nobody knows.
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "serai.app.worker",
                str(theirs.fileno()),
                str(listener.fileno()),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), listener.fileno(), lock),
                # The terminal's Ctrl-C is the supervisor's to handle: it stops the workers in order.
                start_new_session=True,
            )
        except BaseException:
            writer.close()
            raise
        finally:
            theirs.close()
        writer.write(encode(greeting))
        worker = cls(process, show)
        worker._tasks.append(asyncio.create_task(worker._read(reader, writer), name=f"worker-{worker.pid}"))
        return worker

    @property
    def serves(self) -> bool:
        """Whether it said that it is ready and was not told to end."""
        return self._ready.is_set() and not self.retiring

    async def ready(self, timeout: float) -> bool:
        """Wait until it serves; False where it ends first or takes longer than `timeout` seconds."""
        ready = asyncio.create_task(self._ready.wait())
        ended = asyncio.create_task(self.process.wait())
        try:
            await asyncio.wait({ready, ended}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
            ended.cancel()
        return self._ready.is_set() and self.process.returncode is None

    def drain(self) -> None:
        """Tell it to finish what it does and to end."""
        self.retiring = True
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once: it does not answer."""
        self.killed = True
        self._signal(signal.SIGKILL)

    async def wait(self, timeout: float | None = None) -> int | None:
        """Its exit code; None where it still runs after `timeout` seconds."""
        try:
            async with asyncio.timeout(timeout):
                code = await self.process.wait()
        except TimeoutError:
            return None
        await asyncio.gather(*self._tasks, return_exceptions=True)
        return code

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async for line in reader:
                self.last_heard = time.monotonic()
                self._take(decode_message(line))
        except (ConnectionError, msgspec.DecodeError):
            self._show(f"worker {self.pid} closed its control connection")
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    def _take(self, message: Message) -> None:
        if message.event == "starting":
            self.starting.add(message.text)
        elif message.event == "settled":
            self.starting.discard(message.text)
        elif message.event == "progress":
            self._show(message.text)
        elif message.event == "ready":
            self._ready.set()
            if message.text:
                self._show(message.text)
