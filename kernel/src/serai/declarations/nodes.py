"""Walks over msgspec's description of types."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import inspect


def bare(node: inspect.Type) -> inspect.Type:
    """The type without its documentation."""
    return bare(node.type) if isinstance(node, inspect.Metadata) else node


def within(root: inspect.Type) -> Iterator[inspect.Type]:
    """A type and all that it is made of, each once."""
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if id(node) not in seen:
            seen.add(id(node))
            yield node
            waiting += _parts(node)


def _parts(node: inspect.Type) -> list[inspect.Type]:
    match node:
        case inspect.Metadata(type=inner):
            return [inner]
        case inspect.UnionType(types=types) | inspect.TupleType(item_types=types):
            return list(types)
        case inspect.DictType(key_type=key, value_type=value):
            return [key, value]
        case inspect.CollectionType(item_type=item):
            return [item]
        case inspect.StructType(fields=fields):
            return [field.type for field in fields]
    return []
