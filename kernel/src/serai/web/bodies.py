"""JSON bodies, read strictly: what is not I-JSON (RFC 7493) or does not fit its type is refused with every mistake."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any, NoReturn

import msgspec
from aiohttp import web

from serai.errors import Invalid, Mistake, Problem
from serai.web.mistakes import Path, every_mistake, shown
from serai.web.parameters import LARGEST_INTEGER

_SUSPECT = re.compile(rb"\\u(0000|[dD][89a-fA-F])")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


class UnsupportedMediaType(Problem):
    """The body is not `application/json` in UTF-8."""

    status = 415
    slug = "unsupported-media-type"
    title = "The body is of a type that is not taken here"


class Body:
    """The JSON body of a route."""

    def __init__(self, type_: Any) -> None:
        self._type = type_

    async def read(self, request: web.Request) -> Any:
        """The body as a value of the type.

        Raises `Invalid` with every mistake, `UnsupportedMediaType` where the body does not say that it is JSON.
        """
        if request.content_type != "application/json" or (request.charset or "utf-8").lower() != "utf-8":
            found = request.headers.get("Content-Type")
            raise UnsupportedMediaType(
                f"The body is {shown(found) if found else 'of no stated type'}, expected application/json in UTF-8"
            )
        raw = await request.read()
        data = parsed(raw)
        mistakes = list(_unstorable(data, ())) if _SUSPECT.search(raw) else []
        if not mistakes:
            try:
                return msgspec.convert(data, self._type)
            except msgspec.ValidationError:
                pass
        raise Invalid(every_mistake(self._type, data, known=mistakes))


def parsed(raw: bytes) -> Any:
    """The plain values of a JSON text.

    Raises `Invalid` where it is malformed, says a key twice, or holds a number that not every JSON reader can hold.
    """
    try:
        return _DECODER.decode(raw.decode())
    except UnicodeDecodeError as error:
        raise _malformed("JSON in UTF-8", f"an invalid byte at {error.start}") from None
    except json.JSONDecodeError as error:
        raise _malformed("well-formed JSON", f"{error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise _malformed("JSON of a sane depth", "too many brackets within each other") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    distinct = dict(pairs)
    if len(distinct) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _malformed("each key once in an object", f"the key {shown(twice)} more than once")
    return distinct


def _integer(text: str) -> int:
    if len(text) > 17 or abs(value := int(text)) > LARGEST_INTEGER:
        raise _malformed("integers of at most 2^53 - 1, either side of zero", shown(text))
    return value


def _number(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise _malformed("numbers that fit a double", shown(text))
    return value


def _constant(name: str) -> NoReturn:
    raise _malformed("well-formed JSON", f"{name}, which JSON does not have")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_number, parse_constant=_constant
)


def _malformed(expected: str, found: str) -> Invalid:
    return Invalid([Mistake((), expected, found)])


def _unstorable(data: Any, path: Path) -> Iterator[Mistake]:
    """Texts with U+0000 or half a surrogate pair: neither PostgreSQL nor UTF-8 can hold them."""
    if isinstance(data, str):
        if _UNSTORABLE.search(data):
            yield Mistake(path, "a text without U+0000 and lone surrogates", shown(data))
    elif isinstance(data, list):
        for index, item in enumerate(data):
            yield from _unstorable(item, (*path, index))
    elif isinstance(data, dict):
        for name, item in data.items():
            yield from _unstorable(name, (*path, name))
            yield from _unstorable(item, (*path, name))
