"""A server to be measured, in a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent
START_LIMIT = 30.0


class Server(NamedTuple):
    """Something that answers."""

    name: str
    pid: int
    base: str
    """`http://127.0.0.1:PORT`."""
    headers: Mapping[str, str]

    def get(self, path: str) -> bytes:
        """The body of an answer; raises `OSError` for one that is no success."""
        request = urllib.request.Request(self.base + path, headers=dict(self.headers))
        with urllib.request.urlopen(request, timeout=START_LIMIT) as answer:
            body: bytes = answer.read()
            return body


@contextmanager
def serving(
    name: str,
    script: str,
    *arguments: str,
    environment: Mapping[str, str],
    headers: Mapping[str, str],
    path: str,
    python: str | Path = sys.executable,
) -> Iterator[Server]:
    """Run one of our scripts with a free port as its last argument, until it answers on `path`, and end it after."""
    port = free_port()
    process = subprocess.Popen([python, FOLDER / script, *arguments, str(port)], env={**os.environ, **environment})
    server = Server(name, process.pid, f"http://127.0.0.1:{port}", headers)
    try:
        _wait(server, process, path)
        yield server
    finally:
        process.terminate()
        process.wait(START_LIMIT)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _wait(server: Server, process: subprocess.Popen[bytes], path: str) -> None:
    deadline = time.monotonic() + START_LIMIT
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(OSError):
            server.get(path)
            return
        time.sleep(0.05)
    sys.exit(f"{server.name} did not answer {path}")
