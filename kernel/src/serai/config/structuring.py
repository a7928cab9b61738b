"""`structure`: makes values of declared types out of plain data, and lists every mistake at once.

One walker for TOML, for the environment, and for HTTP bodies and queries once msgspec's fast path has failed. Objects
are attrs classes or msgspec Structs; constraints are `Annotated[..., msgspec.Meta(...)]` and attrs validators; msgspec
converts the leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, TypeVar, overload
from uuid import UUID

import attrs
import msgspec
from msgspec import Meta, inspect

from serai.config.secret import Secret, SecretNotFound, dereference
from serai.config.texts import EnvText, items_of, json_of, scalar_of, texts_in, unusable
from serai.config.validation import sentence, unmet
from serai.config.wording import bare, choices, expected, found, holds_secret, nearest, one_of
from serai.errors import Mistake

T = TypeVar("T")
Place = tuple[str | int, ...]

WRONG: Any = object()
"""Stands for a value that could not be made; its mistakes are listed."""

_LEAVES: Mapping[type, type] = MappingProxyType(
    {
        inspect.BoolType: bool,
        inspect.IntType: int,
        inspect.FloatType: float,
        inspect.StrType: str,
        inspect.BytesType: bytes,
        inspect.NoneType: type(None),
        inspect.DateTimeType: datetime,
        inspect.DateType: date,
        inspect.TimeType: time,
        inspect.TimeDeltaType: timedelta,
        inspect.UUIDType: UUID,
        inspect.DecimalType: Decimal,
    }
)
_CONSTRAINTS = ("gt", "ge", "lt", "le", "multiple_of", "min_length", "max_length", "pattern", "tz")


@overload
def structure(
    type_: type[T], data: Any, path: Place = (), *, lax: bool = False, environ: Mapping[str, str] | None = None
) -> tuple[T | None, list[Mistake]]: ...
@overload
def structure(
    type_: Any, data: Any, path: Place = (), *, lax: bool = False, environ: Mapping[str, str] | None = None
) -> tuple[Any, list[Mistake]]: ...
def structure(
    type_: Any, data: Any, path: Place = (), *, lax: bool = False, environ: Mapping[str, str] | None = None
) -> tuple[Any, list[Mistake]]:
    """Make a value of `type_` out of `data`, which is not changed: the value and no mistakes, or None and all of them.

    `path` goes before the paths of the mistakes. With `lax`, texts are converted by the type that they are for, as in
    a query string; the text `null` stays a text. `environ` is given for configuration only: a `Secret` may then be a
    reference to a variable in it, or to a file.
    """
    walk = _Walk(lax=lax, environ=environ)
    value = walk.value(_node(type_), data, path)
    return (None, walk.mistakes) if walk.mistakes else (value, [])


@lru_cache(maxsize=512)
def _node(type_: Any) -> inspect.Type:
    return inspect.type_info(type_)


@attrs.frozen
class _Member:
    """One field of an object: its key in the data, its argument of the class, its type."""

    key: str
    argument: str
    node: inspect.Type
    required: bool


class _Walk:
    """One walk over one tree of data; `mistakes` grows, nothing else changes."""

    def __init__(self, *, lax: bool, environ: Mapping[str, str] | None) -> None:
        self.lax = lax
        self.environ = environ
        self.mistakes: list[Mistake] = []

    def value(self, node: inspect.Type, data: Any, path: Place) -> Any:
        """The value of this node, or `WRONG`."""
        node = bare(node)
        return self._BY_KIND.get(type(node), _Walk._leaf)(self, node, data, path)

    def _wrong(self, path: Place, expected_: str, found_: str) -> Any:
        self.mistakes.append(Mistake(path, expected_, found_))
        return WRONG

    def _misfit(self, node: inspect.Type, data: Any, path: Place) -> Any:
        return self._wrong(path, expected(node), found(data, hidden=holds_secret(node)))

    def _converts(self, data: Any) -> bool:
        """Whether `data` is a text that stands for a value of another type."""
        return isinstance(data, EnvText) or (self.lax and isinstance(data, str))

    def _leaf(self, node: Any, data: Any, path: Place) -> Any:
        if isinstance(data, str):
            if not self._sound(data, path):
                return WRONG
            data = scalar_of(node, data) if self._converts(data) else data
        try:
            return msgspec.convert(data, leaf_type(node))
        except msgspec.ValidationError:
            return self._misfit(node, data, path)

    def _sound(self, text: str, path: Place) -> bool:
        fault = unusable(text)
        if fault is not None:
            self._wrong(path, *fault)
        return fault is None

    def _any(self, node: Any, data: Any, path: Place) -> Any:
        before = len(self.mistakes)
        for place, text in texts_in(data, path):
            self._sound(text, place)
        return data if len(self.mistakes) == before else WRONG

    def _choice(self, node: Any, data: Any, path: Place) -> Any:
        allowed = choices(node)
        if self._converts(data):
            data = next((choice for choice in allowed if str(choice) == data), data)
        if not any(choice == data and type(choice) is type(data) for choice in allowed):
            near = nearest(data, [str(choice) for choice in allowed]) if isinstance(data, str) else ""
            return self._wrong(path, one_of(allowed) + near, found(data, hidden=False))
        return node.cls(data) if isinstance(node, inspect.EnumType) else data

    def _custom(self, node: Any, data: Any, path: Place) -> Any:
        if node.cls is Secret:
            return self._secret(data, path)
        if not issubclass(node.cls, Path):
            raise TypeError(f"{node.cls.__qualname__} is not a type that data can be structured into")
        if not isinstance(data, str) or not data:
            return self._wrong(path, "path", found(data, hidden=False))
        return node.cls(data) if self._sound(data, path) else WRONG

    def _secret(self, data: Any, path: Place) -> Any:
        if self.environ is not None and isinstance(data, Mapping):
            try:
                data = dereference(data, self.environ)
            except SecretNotFound as error:
                return self._wrong(path, error.expected, error.found)
        if not isinstance(data, str):
            forms = "text" if self.environ is None else 'text, { env = "NAME" } or { file = "/path" }'
            return self._wrong(path, forms, found(data, hidden=True))
        if not data:
            return self._wrong(path, "text that is not empty", "empty text")
        return Secret(str(data)) if self._sound(data, path) else WRONG

    def _union(self, node: Any, data: Any, path: Place) -> Any:
        arms = [arm for arm in node.types if not isinstance(arm, inspect.NoneType)]
        if data is None and len(arms) < len(node.types):
            return None
        if len(arms) == 1:
            return self.value(arms[0], data, path)
        tag_field = getattr(arms[0], "tag_field", None)
        if tag_field is not None and isinstance(data, Mapping):
            return self._tagged({arm.tag: arm for arm in arms}, tag_field, data, path)
        return self._first_fitting(node, arms, data, path)

    def _tagged(self, arms: dict[Any, Any], tag_field: str, data: Mapping[Any, Any], path: Place) -> Any:
        tag = data.get(tag_field)
        if not isinstance(tag, (str, int)) or tag not in arms:
            shown = found(tag, hidden=False) if tag_field in data else "nothing"
            return self._wrong((*path, tag_field), one_of(arms), shown)
        return self.value(arms[tag], data, path)

    def _first_fitting(self, node: inspect.Type, arms: list[Any], data: Any, path: Place) -> Any:
        """The first type that takes the data; where none does, the mistakes of the only one of its kind."""
        inside = []
        for arm in arms:
            trial = _Walk(lax=self.lax, environ=self.environ)
            value = trial.value(arm, data, path)
            if not trial.mistakes:
                return value
            if all(len(mistake.path) > len(path) for mistake in trial.mistakes):
                inside.append(trial.mistakes)
        if len(inside) != 1:
            return self._misfit(node, data, path)
        self.mistakes += inside[0]
        return WRONG

    def _items(self, node: Any, data: Any, path: Place) -> Any:
        items = items_of(data) if self._converts(data) else data
        low, high = node.min_length or 0, node.max_length
        if not isinstance(items, (list, tuple)) or len(items) < low or (high is not None and len(items) > high):
            return self._misfit(node, items, path)
        values = [self.value(node.item_type, item, (*path, number)) for number, item in enumerate(items)]
        return WRONG if WRONG in values else self._COLLECTIONS[type(node)](values)

    def _tuple(self, node: Any, data: Any, path: Place) -> Any:
        items = items_of(data) if self._converts(data) else data
        if not isinstance(items, (list, tuple)) or len(items) != len(node.item_types):
            return self._misfit(node, items, path)
        pairs = zip(node.item_types, items, strict=True)
        values = [self.value(type_, item, (*path, number)) for number, (type_, item) in enumerate(pairs)]
        return WRONG if WRONG in values else tuple(values)

    def _dict(self, node: Any, data: Any, path: Place) -> Any:
        data = json_of(data)
        if not isinstance(data, Mapping):
            return self._misfit(node, data, path)
        values = {}
        for key, item in data.items():
            name = self.value(node.key_type, key, (*path, str(key)))
            value = self.value(node.value_type, item, (*path, str(key)))
            values[name] = value
        return WRONG if WRONG in values or WRONG in values.values() else values

    def _struct(self, node: Any, data: Any, path: Place) -> Any:
        members = [_Member(f.encode_name, f.name, f.type, f.required) for f in node.fields]
        before = len(self.mistakes)
        values = self._members(node, members, json_of(data), path, closed=node.forbid_unknown_fields)
        return WRONG if len(self.mistakes) > before else self._made(node, values, path)

    def _attrs(self, node: Any, data: Any, path: Place) -> Any:
        if not attrs.has(node.cls):
            raise TypeError(f"{node.cls.__qualname__} must be an attrs class or a msgspec Struct")
        types = {field.name: field.type for field in node.fields}
        fields = [field for field in attrs.fields(node.cls) if field.init]
        members = [_Member(f.alias, f.alias, types[f.name], f.default is attrs.NOTHING) for f in fields]
        before = len(self.mistakes)
        data = json_of(data)
        values = self._members(node, members, data, path, closed=True)
        if isinstance(data, Mapping):
            for key, wanted in unmet(node.cls, values, frozenset(data) - values.keys()):
                member = next(member for member in members if member.key == key)
                shown = found(data[key], hidden=holds_secret(member.node)) if key in data else "nothing"
                self._wrong((*path, key), wanted, shown)
        return WRONG if len(self.mistakes) > before else self._made(node, values, path)

    def _members(
        self, node: inspect.Type, members: list[_Member], data: Any, path: Place, *, closed: bool
    ) -> dict[str, Any]:
        """The arguments that are right; the mistakes of the others, of missing and of unknown keys are listed."""
        if not isinstance(data, Mapping):
            self._misfit(node, data, path)
            return {}
        values = {}
        for member in members:
            if member.key in data:
                values[member.argument] = self.value(member.node, data[member.key], (*path, member.key))
            elif member.required:
                self._wrong((*path, member.key), expected(member.node), "nothing")
        known = [member.key for member in members]
        for key in data if closed else ():
            if key not in known and key != getattr(node, "tag_field", None):
                names = one_of(known) if known else "no keys here"
                self._wrong((*path, str(key)), names + nearest(str(key), known), "unknown key")
        return {argument: value for argument, value in values.items() if value is not WRONG}

    def _made(self, node: Any, values: Mapping[str, Any], path: Place) -> Any:
        try:
            return node.cls(**values)
        except (ValueError, TypeError) as error:
            return self._wrong(path, sentence(error), "object")

    _COLLECTIONS: ClassVar[Mapping[type, Callable[[list[Any]], Any]]] = {
        inspect.ListType: list,
        inspect.VarTupleType: tuple,
        inspect.SetType: set,
        inspect.FrozenSetType: frozenset,
    }
    _BY_KIND: ClassVar[Mapping[type, Callable[[_Walk, Any, Any, Place], Any]]] = {
        inspect.AnyType: _any,
        inspect.LiteralType: _choice,
        inspect.EnumType: _choice,
        inspect.CustomType: _custom,
        inspect.UnionType: _union,
        inspect.TupleType: _tuple,
        inspect.DictType: _dict,
        inspect.StructType: _struct,
        inspect.DataclassType: _attrs,
        **dict.fromkeys(_COLLECTIONS, _items),
    }


def leaf_type(node: Any) -> Any:
    """The type that msgspec converts a leaf to, with its constraints."""
    type_ = _LEAVES.get(type(node)) or node.cls
    limits = {name: getattr(node, name) for name in _CONSTRAINTS if getattr(node, name, None) is not None}
    return Annotated[type_, Meta(**limits)] if limits else type_
