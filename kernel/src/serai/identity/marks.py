"""What the types say of personal fields: read once a type, so that types without any cost a request nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints

import attrs
from msgspec import UNSET, Struct, inspect, structs

from serai.declarations.fields import Personal, Subject
from serai.declarations.nodes import bare, within
from serai.errors import PluginError


@attrs.frozen
class Marks:
    """The marks on one Struct's own fields, by the fields' names in Python."""

    personal: Mapping[str, str]
    """Fields that are personal, with the names of their declarations."""
    maskable: frozenset[str]
    """Those of them whose values are texts; one of another type cannot be masked and is left out instead."""
    subject: str | None
    """The field that says whose the Struct is."""
    inner: tuple[str, ...]
    """Fields within which there may be Structs with personal fields."""


@cache
def marks_of(cls: type[Struct]) -> Marks:
    """The marks of a Struct class. Raises `PluginError` where they contradict each other."""
    personal = _personal(cls)
    node = inspect.type_info(cls)
    assert isinstance(node, inspect.StructType)
    return Marks(
        personal,
        frozenset(field.name for field in node.fields if field.name in personal and _is_text(field.type)),
        _subject(cls),
        tuple(field.name for field in node.fields if field.name not in personal and _may_hold_personal(field.type)),
    )


def may_hold_personal(type_: Any) -> bool:
    """Whether a value of the type may hold a personal field; also where the type says too little to know (`Any`)."""
    return _may_hold_personal(inspect.type_info(type_))


def structs_within(type_: Any) -> list[type[Struct]]:
    """The Struct classes that a type is made of."""
    return [_class(node) for node in within(inspect.type_info(type_)) if isinstance(node, inspect.StructType)]


def cannot_be_left_out(cls: type[Struct]) -> list[str]:
    """Personal fields of a Struct without the default `UNSET`: no answer could be without them."""
    personal = _personal(cls)
    return [field.name for field in structs.fields(cls) if field.name in personal and field.default is not UNSET]


def wire_name(cls: type[Struct], field: str) -> str:
    """The name on the wire of a Struct's field."""
    return cls.__struct_encode_fields__[cls.__struct_fields__.index(field)]


@cache
def _personal(cls: type[Struct]) -> dict[str, str]:
    personal: dict[str, str] = {}
    for field, marks in _marks(cls):
        names = {mark.name for mark in marks if isinstance(mark, Personal)}
        if len(names) > 1:
            raise PluginError(
                f"{cls.__name__}.{field} is marked as {' and as '.join(sorted(names))}",
                hint="one declared field for one field of a Struct",
            )
        if names:
            personal[field] = names.pop()
    return personal


def _subject(cls: type[Struct]) -> str | None:
    subjects = [field for field, marks in _marks(cls) if any(isinstance(mark, Subject) for mark in marks)]
    if len(subjects) > 1:
        raise PluginError(f"{cls.__name__} has the subjects {' and '.join(subjects)}", hint="a Struct is one person's")
    return subjects[0] if subjects else None


def _marks(cls: type[Struct]) -> Iterator[tuple[str, list[object]]]:
    hints = get_type_hints(cls, include_extras=True)
    for field in cls.__struct_fields__:
        yield field, list(_annotations(hints[field]))


def _annotations(hint: Any) -> Iterator[object]:
    """What annotates a type, its arms or its items; not what is within other Structs."""
    yield from getattr(hint, "__metadata__", ())
    for part in get_args(hint):
        yield from _annotations(part)


def _may_hold_personal(root: inspect.Type) -> bool:
    return any(
        isinstance(node, inspect.AnyType) or (isinstance(node, inspect.StructType) and bool(_personal(_class(node))))
        for node in within(root)
    )


def _class(node: inspect.StructType) -> type[Struct]:
    """The class of a Struct, also of a generic one with its parameters."""
    return get_origin(node.cls) or node.cls


def _is_text(node: inspect.Type) -> bool:
    node = bare(node)
    if isinstance(node, inspect.UnionType):
        return all(_is_text(arm) for arm in node.types if not isinstance(arm, inspect.NoneType))
    return isinstance(node, inspect.StrType)
