"""What does not fit in a request, as `Mistake`s."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from serai.errors import Mistake

_AT = re.compile(r" - at `\$(?P<path>.*)`$")
_STEP = re.compile(r"\.(?P<name>[^.\[]+)|\[(?P<index>\d+|\.\.\.)\]")


def every_mistake(type_: Any, data: Any) -> list[Mistake]:
    """All that keeps `data` (plain values) from being a `type_`; for the slow path, once msgspec has refused it."""
    try:
        msgspec.convert(data, type_)
    except msgspec.ValidationError as error:
        return [_mistake_of(error)]
    return []


def shown(text: str) -> str:
    """A client's text as a mistake shows it: quoted, control characters escaped, not longer than a line."""
    quoted = ascii(text) if not text.isprintable() else repr(text)
    return quoted if len(quoted) <= 60 else quoted[:57] + "..."


def _mistake_of(error: msgspec.ValidationError) -> Mistake:
    """The message of msgspec, ``Expected `int`, got `str` - at `$.a[1]` ``, taken apart."""
    message = str(error)
    at = _AT.search(message)
    path = tuple(
        step["name"] if step["index"] is None else int(step["index"]) if step["index"].isdigit() else "*"
        for step in _STEP.finditer(at["path"] if at else "")
    )
    sentence = message[: at.start()] if at else message
    expected, _, found = sentence.removeprefix("Expected ").partition(", got ")
    return Mistake(path, expected, found or "something else")
