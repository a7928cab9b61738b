"""How mistakes are said: what a type expects, and what was found instead, in words that people use."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime, time
from difflib import get_close_matches
from typing import Any

from msgspec import inspect

from serai.config.secret import Secret

LONGEST_SHOWN = 60
"""Characters of a found value that are shown."""

_NOUNS: dict[type, str] = {
    inspect.AnyType: "anything",
    inspect.NoneType: "null",
    inspect.BoolType: "boolean (true or false)",
    inspect.IntType: "integer",
    inspect.FloatType: "number",
    inspect.DecimalType: "decimal number",
    inspect.StrType: "text",
    inspect.BytesType: "base64 text",
    inspect.UUIDType: "UUID",
    inspect.DateTimeType: "date and time, as 2026-11-23T08:00:00Z",
    inspect.DateType: "date, as 2026-11-23",
    inspect.TimeType: "time of day, as 08:00:00",
    inspect.TimeDeltaType: "duration, as PT30S",
    inspect.StructType: "object",
    inspect.DataclassType: "object",
    inspect.DictType: "object",
    inspect.ListType: "list",
    inspect.VarTupleType: "list",
    inspect.TupleType: "list",
    inspect.SetType: "list",
    inspect.FrozenSetType: "list",
}


def expected(node: inspect.Type) -> str:
    """What fits `node`: `integer, from 1 to 1000`, `one of: ehr_demo, ehr_postgres`."""
    node = bare(node)
    if isinstance(node, inspect.UnionType):
        return " or ".join(expected(arm) for arm in node.types if not isinstance(arm, inspect.NoneType))
    if isinstance(node, (inspect.LiteralType, inspect.EnumType)):
        return one_of(choices(node))
    if isinstance(node, inspect.CustomType):
        return "secret" if node.cls is Secret else node.cls.__name__.lower()
    noun = _NOUNS.get(type(node), "something else")
    item = bare(getattr(node, "item_type", node))
    if item is not node and not isinstance(item, inspect.AnyType):
        noun += f" of {_plural(item)}"
    return ", ".join([noun, *_limits(node)])


def found(data: Any, *, hidden: bool) -> str:
    """What `data` is: `integer 5`, `text "abc"`, `list of 3`; with `hidden`, its kind only."""
    kind, shown = _kind(data)
    return kind if hidden or shown is None else f"{kind} {shown}"


def one_of(known: Iterable[Any]) -> str:
    """`one of: a, b`, in the order given."""
    return "one of: " + ", ".join(str(name) for name in known)


def nearest(name: str, known: Collection[str]) -> str:
    """`; did you mean ehr_demo?` where one of the known names is close, else nothing."""
    close = get_close_matches(name, known, 1) if len(name) <= LONGEST_SHOWN else []
    return f"; did you mean {close[0]}?" if close else ""


def choices(node: inspect.LiteralType | inspect.EnumType) -> list[Any]:
    """The values that a choice allows, as they are written; integers sorted first."""
    if isinstance(node, inspect.EnumType):
        return [member.value for member in node.cls]
    return list(node.values)


def bare(node: inspect.Type) -> inspect.Type:
    """The type without what only documents it."""
    return bare(node.type) if isinstance(node, inspect.Metadata) else node


def holds_secret(node: inspect.Type, seen: tuple[type, ...] = ()) -> bool:
    """Whether a `Secret` can be anywhere in a value of this type: then no found value is shown."""
    node = bare(node)
    if isinstance(node, inspect.CustomType):
        return node.cls is Secret
    if isinstance(node, (inspect.StructType, inspect.DataclassType)):
        if node.cls in seen:
            return False
        return any(holds_secret(field.type, (*seen, node.cls)) for field in node.fields)
    if isinstance(node, inspect.UnionType):
        return any(holds_secret(arm, seen) for arm in node.types)
    if isinstance(node, inspect.TupleType):
        return any(holds_secret(item, seen) for item in node.item_types)
    if isinstance(node, inspect.DictType):
        return holds_secret(node.key_type, seen) or holds_secret(node.value_type, seen)
    if isinstance(node, inspect.CollectionType):
        return holds_secret(node.item_type, seen)
    return False


def visible(text: str) -> str:
    """The text in double quotes, cut, with everything escaped that could move a cursor or fake a line."""
    cut = text[:LONGEST_SHOWN]
    inside = "".join(c if c.isprintable() and c not in '"\\' else _escaped(c) for c in cut)
    return f'"{inside}"' if len(cut) == len(text) else f'"{inside}..." ({len(text)} characters)'


def _escaped(character: str) -> str:
    return f"\\{character}" if character in '"\\' else f"\\u{ord(character):04x}"


def _kind(data: Any) -> tuple[str, str | None]:
    """The kind in words and, where it is short enough to show, the value."""
    if data is None:
        return "null", None
    if isinstance(data, bool):
        return "boolean", str(data).lower()
    if isinstance(data, int):
        return "integer", str(data) if abs(data) < 10**LONGEST_SHOWN else "of very many digits"
    if isinstance(data, float):
        return "number", repr(data)
    if isinstance(data, str):
        return "text", visible(data)
    if isinstance(data, (datetime, date, time)):
        return type(data).__name__, data.isoformat()
    if isinstance(data, Mapping):
        return "object", None
    if isinstance(data, (list, tuple, set, frozenset)):
        return "list", f"of {len(data)}"
    return type(data).__name__, None


def _plural(item: inspect.Type) -> str:
    words = expected(item)
    noun, comma, rest = words.partition(",")
    if words.startswith("one of") or " " in noun:
        return words
    return f"{noun}s{comma}{rest}"


def _limits(node: inspect.Type) -> list[str]:
    """The constraints of the type in words."""
    words = []
    if isinstance(node, (inspect.IntType, inspect.FloatType)):
        words += _range(node.ge, node.le, "")
        words += [f"greater than {node.gt}"] * (node.gt is not None)
        words += [f"less than {node.lt}"] * (node.lt is not None)
        words += [f"a multiple of {node.multiple_of}"] * (node.multiple_of is not None)
    unit = " characters" if isinstance(node, (inspect.StrType, inspect.BytesType)) else " items"
    words += _range(getattr(node, "min_length", None), getattr(node, "max_length", None), unit)
    if isinstance(node, inspect.TupleType):
        words += [f"of exactly {len(node.item_types)}"]
    if isinstance(node, inspect.StrType) and node.pattern is not None:
        words += [f"matching {node.pattern}"]
    if isinstance(node, inspect.DateTimeType) and node.tz is not None:
        words += ["with a time zone" if node.tz else "without a time zone"]
    return words


def _range(low: float | None, high: float | None, unit: str) -> list[str]:
    if low is not None and high is not None:
        return [f"from {low} to {high}{unit}" if low != high else f"exactly {low}{unit}"]
    if low is not None:
        return [f"at least {low}{unit}"]
    return [f"at most {high}{unit}"] if high is not None else []
