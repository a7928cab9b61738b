"""Text parameters, of a path or a query string, read into a Struct.

A text has one spelling for a value: `true` and `false`, decimal integers and JSON's numbers without plus sign, leading
zeros, underscores or spaces. msgspec's lax mode takes more (`1e3` for 1000, `null` for None), so the texts become plain
values here and msgspec converts those strictly.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec
from msgspec import Struct, inspect

from serai.errors import Invalid, Mistake
from serai.web.mistakes import every_mistake, shown

Reader = Callable[[str], Any]
"""Turns a text into a plain value, or returns it as it is where it does not look like one."""

LARGEST_INTEGER = 2**53 - 1
"""Integers in parameters lie within this and its negative, as every JSON reader can hold them (RFC 7493, 2.2)."""

_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,15})")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_MALFORMED_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_BOOLEANS = {"true": True, "false": False}
_TEXTS = (inspect.StrType, inspect.DateType, inspect.UUIDType)


def reader_of(node: inspect.Type) -> Reader | None:
    """How a text becomes a value of the type; None where parameters cannot be of this type."""
    match node:
        case inspect.Metadata(type=inner):
            return reader_of(inner)
        case inspect.UnionType(types=types):
            readers = [reader_of(one) for one in types if not isinstance(one, inspect.NoneType)]
            return readers[0] if len(readers) == 1 else None
        case inspect.IntType():
            return _integer
        case inspect.FloatType():
            return _number
        case inspect.BoolType():
            return _boolean
        case inspect.DateTimeType(tz=True):
            return str
        case inspect.LiteralType(values=values):
            return _integer if all(isinstance(value, int) for value in values) else str
        case inspect.EnumType(cls=cls):
            return _integer if all(isinstance(member.value, int) for member in cls) else str
        case inspect.ListType(item_type=item) | inspect.VarTupleType(item_type=item):
            read = None if is_list(item) else reader_of(item)
            return None if read is None else _list_of(read)
    return str if isinstance(node, _TEXTS) else None


def is_list(node: inspect.Type) -> bool:
    """Whether a parameter of this type holds many values, with commas between them."""
    return isinstance(node, inspect.ListType | inspect.VarTupleType)


class Parameters:
    """The parameters that a Struct declares, read from texts."""

    def __init__(self, shape: type[Struct], *, under: tuple[str, ...] = ()) -> None:
        """`under` is where mistakes are said to be: `("path",)`, or nothing for a query."""
        node = inspect.type_info(shape)
        assert isinstance(node, inspect.StructType)
        self._shape = shape
        self._under = under
        self._readers = {field.encode_name: reader_of(field.type) or str for field in node.fields}

    def read(self, pairs: Iterable[tuple[str, str | None]]) -> Struct:
        """The Struct of these names and texts; None stands for a text that was not well encoded.

        Raises `Invalid` with every mistake: an unknown name, a name twice, U+0000, a value that does not fit.
        """
        values: dict[str, Any] = {}
        mistakes: list[Mistake] = []
        for name, text in pairs:
            read = self._readers.get(name)
            if read is None:
                mistakes.append(self._mistake(name, self._known(), f"the unknown parameter {shown(name)}"))
            elif name in values:
                mistakes.append(self._mistake(name, "one value", "the parameter more than once"))
            elif text is None:
                values[name] = None
                mistakes.append(self._mistake(name, "percent-encoded UTF-8", "a malformed encoding"))
            elif "\0" in text:
                values[name] = None
                mistakes.append(self._mistake(name, "a text without U+0000", shown(text)))
            else:
                values[name] = read(text)
        if not mistakes:
            try:
                return msgspec.convert(values, self._shape)
            except msgspec.ValidationError:
                pass
        raise Invalid(every_mistake(self._shape, values, path=self._under, known=mistakes))

    def _mistake(self, name: str, expected: str, found: str) -> Mistake:
        return Mistake((*self._under, name), expected, found)

    def _known(self) -> str:
        return "one of " + ", ".join(self._readers) if self._readers else "no parameters"


def query_pairs(raw: str) -> Iterator[tuple[str, str | None]]:
    """Names and texts of a raw query string (WHATWG URL, 5.1); None for a text that is not well encoded."""
    for part in raw.split("&"):
        if part:
            name, _, text = part.partition("=")
            yield decoded(name.replace("+", " ")) or name, decoded(text.replace("+", " "))


def decoded(text: str) -> str | None:
    """A percent-encoded text in clear; None where an escape is malformed or the bytes are not UTF-8."""
    if "%" not in text and text.isascii():
        return text
    if _MALFORMED_ESCAPE.search(text):
        return None
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeError:
        return None


def _integer(text: str) -> Any:
    if _INTEGER.fullmatch(text):
        value = int(text)
        if -LARGEST_INTEGER <= value <= LARGEST_INTEGER:
            return value
    return text


def _number(text: str) -> Any:
    if _NUMBER.fullmatch(text):
        value = float(text)
        if math.isfinite(value):
            return value
    return text


def _boolean(text: str) -> Any:
    return _BOOLEANS.get(text, text)


def _list_of(read: Reader) -> Reader:
    return lambda text: [read(part) for part in text.split(",")] if text else []
