"""What does not fit in a request, as `Mistake`s."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from serai.config.structuring import structure
from serai.errors import Mistake

Path = tuple[str | int, ...]

_AT = re.compile(r" - at `\$(?P<path>.*)`$")
_STEP = re.compile(r"\.(?P<name>[^.\[]+)|\[(?P<index>\d+|\.\.\.)\]")


def every_mistake(type_: Any, data: Any, *, path: Path = (), known: Sequence[Mistake] = ()) -> list[Mistake]:
    """The `known` mistakes, and all else that keeps `data` (plain values) from being a `type_`.

    For the slow path, once something was refused. `path` goes before the paths of what is found.
    """
    named = {mistake.path for mistake in known}
    return [*known, *(mistake for mistake in _found(type_, data, path) if mistake.path not in named)]


def shown(text: str) -> str:
    """A client's text as a mistake shows it: quoted, control characters escaped, not longer than a line."""
    quoted = ascii(text) if not text.isprintable() else repr(text)
    return quoted if len(quoted) <= 60 else quoted[:57] + "..."


def _found(type_: Any, data: Any, path: Path) -> list[Mistake]:
    mistakes: list[Mistake] = structure(type_, data, path)[1]
    if mistakes:
        return mistakes
    # What only msgspec refuses, such as a key that is twice in an object.
    try:
        msgspec.convert(data, type_)
    except msgspec.ValidationError as error:
        return [_mistake_of(error, path)]
    return []


def _mistake_of(error: msgspec.ValidationError, under: Path) -> Mistake:
    """The message of msgspec, ``Expected `int`, got `str` - at `$.a[1]` ``, taken apart."""
    message = str(error)
    at = _AT.search(message)
    path = tuple(
        step["name"] if step["index"] is None else int(step["index"]) if step["index"].isdigit() else "*"
        for step in _STEP.finditer(at["path"] if at else "")
    )
    sentence = message[: at.start()] if at else message
    expected, _, found = sentence.removeprefix("Expected ").partition(", got ")
    return Mistake((*under, *path), expected, found or "something else")
