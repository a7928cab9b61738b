"""`Dice`: random numbers that are the same on every machine, in every process and with every Python."""

from __future__ import annotations

import random
from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """Draws that depend on the key alone.

    Of `random.Random` only `random()` on an integer seed is used: it is the one method that the library promises never
    to change. Keys go through BLAKE2, because `hash()` differs from process to process.
    """

    def __init__(self, *key: object) -> None:
        digest = blake2b("/".join(map(str, key)).encode(), digest_size=8).digest()
        self.random = random.Random(int.from_bytes(digest, "big")).random

    def below(self, limit: int) -> int:
        """An integer from 0 to `limit` - 1."""
        return int(self.random() * limit)

    def between(self, low: int, high: int) -> int:
        """An integer from `low` to `high`, both included."""
        return low + int(self.random() * (high - low + 1))

    def chance(self, probability: float) -> bool:
        """True so often."""
        return self.random() < probability

    def pick(self, choices: Sequence[T]) -> T:
        """One of them, each as likely as the others."""
        return choices[int(self.random() * len(choices))]

    def lower(self, choices: Sequence[T]) -> T:
        """One of them, the first ones far more often than the last: how often surnames occur."""
        return choices[int(self.random() ** 2.5 * len(choices))]

    def about(self, expected: float) -> int:
        """A whole number that is `expected` in the long run."""
        return int(expected + self.random())

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """The items in another order (Fisher and Yates)."""
        order = list(items)
        for last in range(len(order) - 1, 0, -1):
            other = self.below(last + 1)
            order[last], order[other] = order[other], order[last]
        return order
