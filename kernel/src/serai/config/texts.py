"""Texts in data: what they say where another type is wanted, and which of them nobody can use."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, final

from msgspec import inspect

_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,30})")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?")
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,6})?")
_SURROGATE = re.compile("[\ud800-\udfff]")
_BOOLEANS = {"true": True, "false": False}


@final
class EnvText(str):
    """A text from the environment: the type of the setting decides what it means.

    Booleans are `true` and `false`, numbers as in JSON, durations also seconds, lists JSON or separated by commas,
    objects JSON.
    """

    __slots__ = ()


def scalar_of(node: inspect.Type, text: str) -> Any:
    """What `text` says where `node` is wanted; the plain text where it says nothing of the kind."""
    if isinstance(node, inspect.BoolType):
        return _BOOLEANS.get(text, text)
    if isinstance(node, inspect.IntType) and _INTEGER.fullmatch(text):
        return int(text)
    if isinstance(node, inspect.FloatType) and _NUMBER.fullmatch(text):
        return float(text)
    if isinstance(node, inspect.TimeDeltaType) and _SECONDS.fullmatch(text):
        return timedelta(seconds=float(text))
    return str(text)


def items_of(text: str) -> Any:
    """The items of a list written as text: separated by commas; from the environment also JSON, which gives any value.

    The items of a text that is to be converted are to be converted too.
    """
    if isinstance(text, EnvText) and text.lstrip().startswith("["):
        return json_of(text)
    return [type(text)(item.strip()) for item in text.split(",")] if text else []


def json_of(data: Any) -> Any:
    """The value of a JSON text from the environment; anything else, and what is not JSON, as it stands."""
    if not isinstance(data, EnvText):
        return data
    try:
        return json.loads(data)
    except ValueError:
        return data


def unusable(text: str) -> tuple[str, str] | None:
    """Expected and found, where the text is one that PostgreSQL and most other systems refuse; else None."""
    if "\0" in text:
        return "text without U+0000", "text with U+0000"
    if _SURROGATE.search(text):
        return "text in UTF-8", "text with bytes that are not UTF-8"
    return None


def texts_in(data: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every text in plain data of any depth, keys too, with its path."""
    waiting = [(path, data)]
    while waiting:
        place, value = waiting.pop()
        if isinstance(value, str):
            yield place, value
        elif isinstance(value, Mapping):
            for key, item in value.items():
                waiting += [((*place, str(key)), key), ((*place, str(key)), item)]
        elif isinstance(value, (list, tuple)):
            waiting += [((*place, number), item) for number, item in enumerate(value)]
