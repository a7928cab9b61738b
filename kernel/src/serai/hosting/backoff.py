"""When something that failed is tried again: later and later, never all at once."""

from __future__ import annotations

import random
import time

FIRST = 5.0
LONGEST = 300.0


class Backoff:
    """Pauses of 5 s, 10 s, 20 s ... at most 5 minutes, each a tenth more or less."""

    def __init__(self) -> None:
        self._failures = 0
        self.retry_at: float | None = None
        """When to try again, in `time.monotonic()` seconds; None where there is nothing to try again."""

    @property
    def due(self) -> bool:
        return self.retry_at is not None and self.retry_at <= time.monotonic()

    def failed(self) -> None:
        """Note a failure: the next try is due after a longer pause."""
        pause = min(FIRST * 2.0**self._failures, LONGEST) * random.uniform(0.9, 1.1)
        self._failures += 1
        self.retry_at = time.monotonic() + pause

    def trying(self) -> None:
        """Note that it is tried now."""
        self.retry_at = None

    def reset(self) -> None:
        """Forget earlier failures: it has been well for long."""
        self._failures = 0
