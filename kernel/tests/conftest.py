"""Fixtures that several test files share."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode leaves the helpers' folder out

from small_kernel import identity_database, small_kernel

__all__ = ["identity_database", "small_kernel"]
