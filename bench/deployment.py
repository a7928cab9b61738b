"""A deployment that really runs: `serai run` with isapi, on an embedded PostgreSQL with a demo company."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from serai.data.embedded import attach
from server import Server, free_port

SERAI = Path(sys.executable).parent / "serai"
PEOPLE = 5_000
CONFIGURATION = """
[kernel]
listen = "127.0.0.1:{port}"
state_dir = "{folder}/state"
plugins = ["isapi"]
database_connections = 21  # 10 for hot reads, as asyncpg's own pool has
keys = ["{secret}"]
client_rate = 1e9
client_burst = 1_000_000_000

[devices.ehr]
{device}

[plugins.isapi]
source = "ehr"
sync_cron = "0 0 1 1 *"  # the first reading is the only one
full_sync_cron = "0 0 1 1 *"
"""
START_LIMIT = 300.0


class Running(NamedTuple):
    """What the others need of it."""

    server: Server
    """Its first worker."""
    dsn: str
    key: str


class Deployment:
    """Its files: a folder that keeps the data while it does not run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "serai.toml"
        self._log = folder / "serai.log"
        self._secret = os.urandom(32).hex()
        self.base = f"http://127.0.0.1:{free_port()}"

    @property
    def dsn(self) -> str:
        """Of its database, while that runs."""
        dsn = attach(self._folder / "state")
        assert dsn is not None
        return dsn

    @contextmanager
    def started(self, device: str, *, workers: int = 1) -> Iterator[subprocess.Popen[bytes]]:
        """Its supervisor. `device` holds the keys of the HR system's table."""
        self._file.write_text(
            CONFIGURATION.format(
                port=self.base.rpartition(":")[2], folder=self._folder, secret=self._secret, device=device
            )
        )
        command = [SERAI, "run", "-c", self._file, "--workers", str(workers)]
        with self._log.open("wb") as log:
            supervisor = subprocess.Popen(command, stdout=log, stderr=log, cwd=self._folder, start_new_session=True)
        try:
            yield supervisor
        finally:
            supervisor.send_signal(signal.SIGTERM)
            supervisor.wait(60)

    def wait_for_data(self, supervisor: subprocess.Popen[bytes]) -> None:
        """isapi is `running` once the first reading has ended; before that it is `degraded`."""
        deadline = time.monotonic() + START_LIMIT
        while supervisor.poll() is None and time.monotonic() < deadline:
            status = self._serai("status", "--json")
            if status.returncode == 0 and json.loads(status.stdout)[0]["state"] == "running":
                return
            if "was failed" in status.stdout:  # the first reading came before the device was connected
                self._serai("jobs", "run", "isapi.sync")
            time.sleep(0.5)
        sys.exit(f"The deployment has no data; its log ends:\n{self._log.read_text()[-2000:]}")

    def add_client(self) -> str:
        """The key of a system that may read the directory."""
        options = ("--scope", "isapi:read", "--json")
        key: str = json.loads(self._serai("clients", "add", "bench", *options).stdout)["key"]
        return key

    def _serai(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([SERAI, *arguments, "-c", self._file], check=False, capture_output=True, text=True)


@contextmanager
def kept() -> Iterator[Deployment]:
    """A deployment in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="serai-bench-") as name:
        folder = Path(name)
        try:
            yield Deployment(folder)
        finally:
            shutil.rmtree((folder / "state" / "postgresql").resolve(), ignore_errors=True)


@contextmanager
def running(people: int = PEOPLE, *, workers: int = 1) -> Iterator[Running]:
    """One that has read a company of so many people."""
    with kept() as deployment, deployment.started(demo(people), workers=workers) as supervisor:
        deployment.wait_for_data(supervisor)
        key = deployment.add_client()
        first = worker_pids(supervisor.pid)[0]
        server = Server("serai", first, deployment.base, {"Authorization": f"Bearer {key}"})
        yield Running(server, deployment.dsn, key)


def demo(people: int) -> str:
    """The device of a made-up company."""
    return f'driver = "ehr_demo"\nsize = {people}'


def worker_pids(supervisor: int) -> list[int]:
    """The worker processes of a supervisor."""
    children = map(int, Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split())
    return [pid for pid in children if b"serai.app.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()]
