"""The validators of an attrs class, run field by field, so that one mistake does not hide the next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

_NONE: Any = object()


def unmet(cls: Any, values: Mapping[str, Any], wrong: frozenset[str]) -> Iterator[tuple[str, str]]:
    """For each validator that refuses its field: the key of the field, and what it expected.

    `values` are the arguments that are right, `wrong` the keys that have a mistake already; the other fields have
    their defaults. Validators see an instance with just the fields that are right.
    """
    instance = cls.__new__(cls)
    fields = [field for field in attrs.fields(cls) if field.init]
    right = []
    for field in fields:
        value = values.get(field.alias, _NONE if field.alias in wrong else _default(field))
        if value is not _NONE:
            object.__setattr__(instance, field.name, value)
            right.append(field)
    for field in right:
        try:
            if field.validator is not None:
                field.validator(instance, field, getattr(instance, field.name))
        except AttributeError:
            if len(right) == len(fields):
                raise
            # else it looked at a field that has a mistake of its own
        except (ValueError, TypeError) as error:
            yield field.alias, sentence(error)


def sentence(error: Exception) -> str:
    """What a validator expected, in its own words."""
    return str(error.args[0]) if error.args else type(error).__name__


def _default(field: attrs.Attribute[Any]) -> Any:
    default: Any = field.default
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]  # attrs types this class as a function
        return _NONE if default.takes_self else default.factory()
    return _NONE if default is attrs.NOTHING else default
