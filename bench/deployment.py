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
driver = "ehr_demo"
size = {people}

[plugins.isapi]
source = "ehr"
sync_cron = "0 0 1 1 *"  # the first reading is the only one
"""
START_LIMIT = 300.0


class Running(NamedTuple):
    """What the others need of it."""

    server: Server
    dsn: str
    key: str


@contextmanager
def running() -> Iterator[Running]:
    """Make it, with data, in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="serai-bench-") as name:
        folder = Path(name)
        file = folder / "serai.toml"
        port = free_port()
        file.write_text(CONFIGURATION.format(port=port, folder=folder, secret=os.urandom(32).hex(), people=PEOPLE))
        with (folder / "serai.log").open("wb") as log:
            supervisor = subprocess.Popen(
                [SERAI, "run", "-c", file], stdout=log, stderr=log, cwd=folder, start_new_session=True
            )
        try:
            _wait_for_data(supervisor, file, folder)
            options = ("--scope", "isapi:read", "--json")
            key = json.loads(_serai(file, "clients", "add", "bench", *options).stdout)["key"]
            dsn = attach(folder / "state")
            assert dsn is not None
            yield Running(
                Server(
                    "serai", _worker(supervisor.pid), f"http://127.0.0.1:{port}", {"Authorization": f"Bearer {key}"}
                ),
                dsn,
                key,
            )
        finally:
            supervisor.send_signal(signal.SIGTERM)
            supervisor.wait(60)
            shutil.rmtree((folder / "state" / "postgresql").resolve(), ignore_errors=True)


def _wait_for_data(supervisor: subprocess.Popen[bytes], file: Path, folder: Path) -> None:
    """isapi is `running` once the first reading has ended; before that it is `degraded`."""
    deadline = time.monotonic() + START_LIMIT
    while supervisor.poll() is None and time.monotonic() < deadline:
        status = _serai(file, "status", "--json")
        if status.returncode == 0 and json.loads(status.stdout)[0]["state"] == "running":
            return
        if "was failed" in status.stdout:  # the first reading came before the device was connected
            _serai(file, "jobs", "run", "isapi.sync")
        time.sleep(0.5)
    sys.exit(f"The deployment has no data; its log ends:\n{(folder / 'serai.log').read_text()[-2000:]}")


def _serai(file: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([SERAI, *arguments, "-c", file], check=False, capture_output=True, text=True)


def _worker(supervisor: int) -> int:
    """The one worker process of a supervisor."""
    for pid in Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split():
        if b"serai.app.worker" in Path(f"/proc/{pid}/cmdline").read_bytes():
            return int(pid)
    sys.exit("the deployment has no worker")
