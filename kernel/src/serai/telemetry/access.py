"""The access log: one JSON object a request, with the route's template, never with path values or the query."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import BinaryIO

import msgspec

FLUSH_LINES = 512
FLUSH_SECONDS = 1.0


class _Line(msgspec.Struct, gc=False):
    """One answered request; times in milliseconds, sizes in bytes."""

    timestamp: str
    method: str
    route: str
    status: int
    bytes: int
    ms: float
    client: str
    request: str


_encode_lines = msgspec.json.Encoder().encode_lines


class AccessLog:
    """Collects lines and writes them many at a time, because a write a request costs more than the request's routing.

    Lines are written at 512, a second after the first, and by `close`. Those that cannot be written (a full disk) are
    counted in `lost`: a log must not stop the service.
    """

    def __init__(self, file: BinaryIO) -> None:
        """`file` is unbuffered, so that one write is one piece between those of other processes; it is closed here."""
        self.lost = 0
        self._file = file
        self._lines: list[_Line] = []
        self._timer: asyncio.TimerHandle | None = None
        self._second = 0
        self._stamp = ""

    @classmethod
    def to_file(cls, path: Path) -> AccessLog:
        """Append to a file, readable by its group; the folder is made."""
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
        return cls(os.fdopen(descriptor, "ab", buffering=0))

    def add(
        self, method: str, route: str, status: int, size: int, seconds: float, client: str, request_id: str
    ) -> None:
        """Note one answered request: `size` in bytes of the body, `route` the template that matched, or empty."""
        now = int(time.time())
        if now != self._second:
            self._second, self._stamp = now, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
        self._lines.append(
            _Line(self._stamp, method, route, status, size, round(seconds * 1000, 3), client, request_id)
        )
        if len(self._lines) >= FLUSH_LINES:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)

    def flush(self) -> None:
        """Write the lines that were collected."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        lines, self._lines = self._lines, []
        rest = memoryview(_encode_lines(lines))
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except (OSError, TypeError):  # TypeError: a pipe that takes nothing now answers None
            self.lost += len(lines)

    def close(self) -> None:
        """Write what is left, and close the file."""
        self.flush()
        self._file.close()
