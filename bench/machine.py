"""What is said of the machine above and below results."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from pathlib import Path

QUIET = 0.5
NOISY = ": the machine has other work, so the figures are higher than alone, and less sure"


def described() -> str:
    """Day, processor, Python, and how busy the machine is before we begin."""
    machine = (
        f"{datetime.now(UTC):%d %b %Y}; {_processor()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    )
    return f"{machine}\n{busy()} at the start{NOISY if os.getloadavg()[0] > QUIET else ''}"


def busy() -> str:
    """How much it has had to do."""
    return f"Load average (1 minute) {os.getloadavg()[0]:.1f}"


def _processor() -> str:
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return models[0].partition(": ")[2] if models else platform.machine()
