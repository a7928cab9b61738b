"""SQL in the making."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from serai_isapi.published import Edition


class Statement:
    """The values of a statement on an edition, and the conditions that its rows must meet."""

    def __init__(self, edition: Edition) -> None:
        self.edition = edition
        self.values: list[Any] = [*edition.values]
        self.conditions: list[str] = []

    def value(self, value: Any) -> str:
        """Add a value; its placeholder."""
        self.values.append(value)
        return f"${len(self.values)}"

    def where(self, condition: str, *values: Any) -> None:
        """Add a condition, in which `{}` (or `{0}`, `{1}` ...) stands for each value."""
        self.conditions.append(condition.format(*map(self.value, values)))

    @property
    def filter(self) -> str:
        """The conditions as a WHERE clause."""
        return f" where {' and '.join(self.conditions)}" if self.conditions else ""


def starting_with(words: Iterable[str]) -> list[str]:
    """LIKE patterns for keys, `|` before each, that start with the words."""
    escaped = (word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") for word in words)
    return [f"%|{word}%" for word in escaped]
