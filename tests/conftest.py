"""What tests of the whole system share: a deployment that really runs, and real wheels built for it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from serai.data.layout import Layout
from serai.data.postmaster import PidFile, processes
from serai.testing import remove_state

REPOSITORY = Path(__file__).parents[1]
SERAI = Path(sys.executable).parent / "serai"
KEYRING = "k" * 48


def _until(condition: Callable[[], Any], what: str, limit: float = 60.0) -> Any:
    """Ask again and again until the answer is true; fail with what was waited for."""
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        answer = condition()
        if answer:
            return answer
        time.sleep(0.05)
    pytest.fail(f"waited {limit:g} s in vain for: {what}")


@pytest.fixture
def until() -> Callable[..., Any]:
    """`until(condition, what)`: wait for something without sleeping for luck."""
    return _until


class Answer:
    """An HTTP answer, also one that is no success."""

    def __init__(self, status: int, headers: Any, body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class RunningSerai:
    """One `serai run` in a process group of its own, with the deployment's file beside it."""

    def __init__(self, folder: Path, toml: str, site: Path | None = None) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.state_dir = folder / "state"
        self.file = folder / "serai.toml"
        self.file.write_text(toml)
        self.environment = os.environ | {
            "SERAI_KERNEL__LISTEN": f"127.0.0.1:{self.port}",
            "SERAI_KERNEL__STATE_DIR": str(self.state_dir),
        }
        if site is not None:
            self.environment["PYTHONPATH"] = str(site)
        self.log = folder / "serai.log"
        self._began = 0  # where in the log this start began
        self.process: subprocess.Popen[bytes] | None = None
        self.key: str | None = None

    def start(self, *arguments: str) -> None:
        """Start it; `wait_ready` waits until it serves."""
        with self.log.open("ab") as log:
            self._began = log.tell()
            self.process = subprocess.Popen(
                [SERAI, "run", "-c", self.file, *arguments],
                stdout=log,
                stderr=log,
                env=self.environment,
                cwd=self.folder,
                start_new_session=True,
            )

    def wait_ready(self, limit: float = 60.0) -> None:
        """Until the process says that it is ready, or is no more."""
        _until(lambda: self._ready() or self._ended(), f"a ready server; its log: {self.tail()}", limit)
        assert not self._ended(), self.tail()

    def get(self, path: str, *, key: str | None = None, timeout: float = 30.0, **headers: str) -> Answer:
        """GET with the client's key."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers)
        return self._ask(request, key or self.key, timeout)

    def post(self, path: str, body: Any, *, key: str | None = None, timeout: float = 30.0) -> Answer:
        """POST JSON with the client's key."""
        headers = {"Content-Type": "application/json"}
        data = json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data=data, headers=headers)
        return self._ask(request, key or self.key, timeout)

    def _ask(self, request: urllib.request.Request, key: str | None, timeout: float) -> Answer:
        if key:
            request.add_header("Authorization", f"Bearer {key}")
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers, error.read())

    def cli(self, *arguments: str, ok: bool = True) -> subprocess.CompletedProcess[str]:
        """Run another `serai` command on the same deployment."""
        return self.cli_without_file(*arguments, "-c", str(self.file), ok=ok)

    def cli_without_file(self, *arguments: str, ok: bool = True) -> subprocess.CompletedProcess[str]:
        """Run another `serai` command in the same environment."""
        done = subprocess.run(
            [SERAI, *arguments],
            capture_output=True,
            text=True,
            env=self.environment,
            cwd=self.folder,
            timeout=120,
        )
        assert not ok or done.returncode == 0, done.stdout + done.stderr
        return done

    def status(self) -> dict[str, dict[str, Any]]:
        """`serai status --json` by plugin."""
        return {row["name"]: row for row in json.loads(self.cli("status", "--json", ok=False).stdout)}

    def add_client(self, *scopes: str) -> str:
        """A client's key, used from now on."""
        options = [part for scope in scopes for part in ("--scope", scope)]
        self.key = json.loads(self.cli("clients", "add", "tests", *options, "--json").stdout)["key"]
        return self.key

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Stop it in order; its exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(60)

    def processes(self) -> list[int]:
        """Every process that belongs to this deployment: supervisor, workers and PostgreSQL."""
        mark = str(self.state_dir).encode()
        found = set(self.postgres())
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                environment = (folder / "environ").read_bytes()
                state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if mark in environment and state != "Z":
                found.add(int(folder.name))
        return sorted(found)

    def postgres(self) -> list[int]:
        """The processes of the deployment's PostgreSQL, the postmaster first: they have none of our environment."""
        data = Layout(self.state_dir).data
        pid_file = PidFile.read(data)
        return sorted(processes(data), key=lambda pid: (pid_file is None or pid != pid_file.pid, pid))

    def workers(self) -> list[int]:
        """The worker processes, the oldest first."""
        assert self.process is not None
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [int(child) for child in children if _runs_worker(Path(f"/proc/{child}"))]

    def tail(self) -> str:
        return self.log.read_text()[-4000:] if self.log.exists() else ""

    def _ready(self) -> bool:
        try:
            return (
                self.get("/-/health/ready", timeout=5).status == 200
                and "ready" in self.log.read_bytes()[self._began :].decode()
            )
        except OSError:
            return False

    def _ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None


def _runs_worker(process: Path) -> bool:
    try:
        return b"serai.app.worker" in (process / "cmdline").read_bytes()
    except OSError:
        return False


@contextmanager
def _deployments(folder: Path) -> Iterator[Callable[..., RunningSerai]]:
    """Make deployments that are stopped at the end, whatever happened; nothing of them may be left."""
    made: list[RunningSerai] = []

    def make(toml: str, site: Path | None = None) -> RunningSerai:
        place = folder / f"deployment{len(made)}"
        place.mkdir()
        made.append(RunningSerai(place, toml, site))
        return made[-1]

    yield make
    for running in made:
        if running.process is not None and running.process.poll() is None:
            running.stop()
        left = running.processes()
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        assert not left, f"left behind: {left}; {running.tail()}"
        remove_state(running.state_dir)


@pytest.fixture
def run_serai(tmp_path: Path) -> Iterator[Callable[..., RunningSerai]]:
    """`run_serai(toml, site=None)`: a deployment of this test's own."""
    with _deployments(tmp_path) as make:
        yield make


@pytest.fixture(scope="module")
def run_serai_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., RunningSerai]]:
    """The same for a deployment that all tests of a file share."""
    with _deployments(tmp_path_factory.mktemp("shared")) as make:
        yield make


def build_wheel(folder: Path, name: str, module: str | dict[str, str], *, version: str = "1.0.0") -> Path:
    """Build a real wheel with one plugin module, or with the files of a package that has a `plugin` module."""
    source = folder / f"source-{name}"
    package = source / "src" / f"serai_{name}"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    for path, text in ({"plugin.py": module} if isinstance(module, str) else module).items():
        (package / path).parent.mkdir(exist_ok=True)
        (package / path).write_text(text)
    (source / "pyproject.toml").write_text(
        f"""
[project]
name = "serai-{name}"
version = "{version}"
dependencies = ["serai>=1.0,<2"]

[project.entry-points."serai.plugins"]
{name} = "serai_{name}.plugin"

[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[tool.hatch.build.targets.wheel]
packages = ["src/serai_{name}"]
"""
    )
    subprocess.run(
        [SERAI.parent / "uv", "build", "--quiet", "--wheel", "--out-dir", folder / "wheels", source], check=True
    )
    return next((folder / "wheels").glob(f"serai_{name}-{version}-*.whl"))


@pytest.fixture(scope="session")
def install_wheels(tmp_path_factory: pytest.TempPathFactory) -> Callable[[dict[str, str | dict[str, str]]], Path]:
    """Build wheels of plugin modules and install them beside the environment's own; the folder they are in."""

    def install(modules: dict[str, str | dict[str, str]]) -> Path:
        folder = tmp_path_factory.mktemp("wheels")
        wheels = [build_wheel(folder, name, module) for name, module in modules.items()]
        site = folder / "site"
        subprocess.run(
            [SERAI.parent / "uv", "pip", "install", "--quiet", "--no-deps", "--target", site, *wheels], check=True
        )
        return site

    return install
