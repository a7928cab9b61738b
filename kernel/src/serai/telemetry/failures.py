"""How exceptions are written down: with their traces, without personal data out of the database."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator

_LONGEST = 2000
"""Characters of one exception's message."""

_PARTS = re.compile(
    # PostgreSQL's DETAIL quotes whole keys and rows; it ends where the next part of the message begins.
    r"\n?DETAIL: .*?(?=\nHINT: |\nCONTEXT: |\n\[SQL: |\n\[parameters: |\n\(Background on |\Z)"
    # SQLAlchemy's parameters are one line, because they are a repr; its link for developers is of no use here.
    r"|\n?\[parameters: [^\n]*|\n?\(Background on this error at: [^\n]*"
    # asyncpg quotes a value that it cannot encode.
    r"|(?<=invalid input for query argument )\$\d+: .*",
    re.DOTALL,
)
_QUOTED = re.compile(r': ".*"|value ".*" is out of range', re.DOTALL)
"""PostgreSQL quotes a value that it cannot read: `invalid input syntax for type integer: "..."`."""


def without_values(text: str) -> str:
    """The text without SQL parameters, PostgreSQL's DETAIL and what asyncpg says about them."""
    return _PARTS.sub("", text)


def message(error: BaseException) -> str:
    """The exception's message without values that came from, or should have gone to, the database."""
    text = without_values(str(error))
    if hasattr(error, "sqlstate") or hasattr(error, "orig"):
        text = _QUOTED.sub(": a value", text)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def trace(error: BaseException) -> str:
    """The stack and message of the exception and of those that led to it, the first one first."""
    return "\n".join(_lines(error, set()))


def _lines(error: BaseException, seen: set[int]) -> Iterator[str]:
    seen.add(id(error))
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None and id(before) not in seen:
        yield from _lines(before, seen)
        yield "That was the cause of:" if error.__cause__ is not None else "While that was handled:"
    for entry in traceback.format_tb(error.__traceback__):
        yield from entry.rstrip("\n").split("\n")
    name = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    yield from f"{name}: {message(error)}".split("\n")
    yield from (f"Note: {without_values(note)}" for note in getattr(error, "__notes__", ()))
    if isinstance(error, BaseExceptionGroup):
        for number, inner in enumerate(error.exceptions, start=1):
            yield f"{number} of {len(error.exceptions)}:"
            yield from (f"  {line}" for line in _lines(inner, seen))
