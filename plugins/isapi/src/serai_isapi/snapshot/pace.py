"""Long work beside requests."""

from __future__ import annotations

import asyncio
from time import perf_counter

LONGEST = 0.002
"""Seconds that such work may hold the loop before others have their turn."""


class Pace:
    """How long one piece of work has held the loop since others last had their turn."""

    def __init__(self) -> None:
        self._since = perf_counter()

    async def rest(self) -> None:
        """Let others run where that is due: called after each small step."""
        if perf_counter() - self._since > LONGEST:
            await asyncio.sleep(0)
            self._since = perf_counter()
