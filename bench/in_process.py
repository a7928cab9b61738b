"""An application's time for a request without sockets: steadier than load, where the machine has other work too."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from time import process_time

from aiohttp import web

BATCH, BATCHES = 20, 500


class Wire(asyncio.Transport):
    """Counts what a server writes, and says when everything is answered."""

    def __init__(self) -> None:
        super().__init__()
        self.answered = asyncio.Event()
        self.left = 0
        self.first = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.first = self.first or bytes(data)
        self.left -= 1
        if self.left == 0:
            self.answered.set()

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self.write(b"".join(list_of_data))

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        pass

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


async def microseconds(runner: web.AppRunner, path: str, headers: Mapping[str, str]) -> float:
    """The least CPU time that a request of a batch took on average: parsing, the application, the answer.

    The runner is set up; it is cleaned up here.
    """
    assert runner.server is not None
    protocol = runner.server()
    wire = Wire()
    protocol.connection_made(wire)
    lines = [f"GET {path} HTTP/1.1", "Host: localhost", *(f"{name}: {value}" for name, value in headers.items())]
    request = "\r\n".join([*lines, "", ""]).encode()
    best = float("inf")
    for _ in range(BATCHES):
        started = process_time()
        wire.left = BATCH
        wire.answered.clear()
        for _ in range(BATCH):
            protocol.data_received(request)
        await wire.answered.wait()
        best = min(best, process_time() - started)
    assert wire.first.startswith(b"HTTP/1.1 200"), wire.first
    protocol.connection_lost(None)
    await runner.cleanup()
    return best / BATCH * 1e6
