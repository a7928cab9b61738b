"""Whether what a driver yielded is what the caller asked for."""

from __future__ import annotations


def missing(thing: object, protocol: type) -> list[str]:
    """The public members of `protocol`, a Protocol or a class, that `thing` has not."""
    members = {
        name
        for part in protocol.__mro__
        if part.__module__ not in ("builtins", "typing")
        for name in (*vars(part), *vars(part).get("__annotations__", ()))
        if not name.startswith("_")
    }
    return sorted(name for name in members if not hasattr(thing, name))
