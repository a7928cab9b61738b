"""A worker process: `python -m serai.app.worker CONTROL_FD LISTEN_FD`, started by the supervisor only."""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from serai.app.control import Greeting, Message, decode_greeting, encode
from serai.app.serving import Serving
from serai.config.deployment import read
from serai.errors import SeraiError
from serai.telemetry import logs

ALIVE_EVERY = 1.0


class Control:
    """The worker's end of the control connection. A thread watches it, so that a blocked loop does not outlive us."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._lock = threading.Lock()

    def greeting(self) -> Greeting:
        """The supervisor's first line."""
        received = b""
        while not received.endswith(b"\n"):
            part = self._socket.recv(65536)
            if not part:
                sys.exit("the supervisor ended before it greeted its worker")
            received += part
        return decode_greeting(received)

    def send(self, message: Message) -> None:
        """Tell the supervisor; that it may be gone is the watching thread's business."""
        try:
            with self._lock:
                self._socket.sendall(encode(message))
        except OSError:
            pass

    def watch(self, orphaned: Callable[[], object], grace: float) -> None:
        """Call `orphaned` when the supervisor is gone, and end the process `grace` seconds later whatever happens."""

        def wait() -> None:
            try:
                while self._socket.recv(4096):
                    pass
            except OSError:
                pass
            try:
                orphaned()
            except RuntimeError:
                return  # the loop is closed: the process is ending anyway
            time.sleep(grace)
            os._exit(70)

        threading.Thread(target=wait, name="control", daemon=True).start()


async def work(control: Control, greeting: Greeting, listener: socket.socket) -> None:
    """Serve until SIGTERM, or until the supervisor is gone."""
    loop = asyncio.get_running_loop()
    deployment = read(Path(greeting.config), os.environ)
    kernel = deployment.kernel
    logs.configure(kernel.log_format, kernel.log_level)
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    control.watch(functools.partial(loop.call_soon_threadsafe, stop.set), kernel.stop_grace + 5.0)
    alive = asyncio.create_task(_say_alive(control), name="alive")
    serving = Serving(deployment, greeting, control.send)
    try:
        await serving.open(listener)
        ready = asyncio.create_task(serving.announce_ready(), name="ready")
        await stop.wait()
        ready.cancel()
    finally:
        await serving.close()
        alive.cancel()
        logs.flush()


async def _say_alive(control: Control) -> None:
    while True:
        control.send(Message(event="alive"))
        await asyncio.sleep(ALIVE_EVERY)


def main() -> None:
    """Run the worker on uvloop where it is installed."""
    control = Control(int(sys.argv[1]))
    listener = socket.socket(fileno=int(sys.argv[2]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(work(control, control.greeting(), listener))
    except SeraiError as error:
        control.send(Message(event="progress", text=f"the worker cannot start: {error}"))
        sys.exit(1)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


if __name__ == "__main__":
    main()
