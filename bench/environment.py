"""The peers' own environment: what they are written with is none of the project's business."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from server import FOLDER

REQUIREMENTS = FOLDER / "peers" / "requirements.txt"
ENVIRONMENT = Path(sys.prefix) / "bench"
UV = Path(sys.executable).parent / "uv"


def peers_python() -> Path:
    """The interpreter that has what the peers need, made where it is not there or not as it should be."""
    python = ENVIRONMENT / "bin" / "python"
    made_of = ENVIRONMENT / "requirements.txt"
    wanted = REQUIREMENTS.read_text()
    if made_of.exists() and made_of.read_text() == wanted:
        return python
    print(f"installing the peers into {ENVIRONMENT}", flush=True)
    _uv("venv", "--clear", "--python", sys.executable, ENVIRONMENT)
    _uv("pip", "install", "--python", python, "--requirement", REQUIREMENTS)
    made_of.write_text(wanted)
    return python


def _uv(*arguments: str | Path) -> None:
    environment = {"UV_CACHE_DIR": str(ENVIRONMENT.parent / "cache"), **os.environ}
    if subprocess.run([UV, *arguments, "--quiet"], env=environment, check=False).returncode:
        sys.exit(f"The peers' environment could not be made: uv {arguments[0]} failed")
