"""The rule for names: one name is a plugin's URL prefix, schema, logger, metric label and CLI argument."""

from __future__ import annotations

import re

_NAME = re.compile(r"[a-z][a-z0-9_]{1,30}")
_RESERVED = frozenset({"all", "kernel", "serai", "admin", "static", "public"})

RULE = "a letter a to z, then 1 to 30 of a to z, 0 to 9 and _"
"""The rule in words; reserved names are named when one is used."""


def fault(name: str) -> str | None:
    """What is wrong with the name of a plugin, in words; None where nothing is."""
    if _NAME.fullmatch(name) is None:
        return f"must be {RULE}"
    if name in _RESERVED or name.startswith("pg_"):
        return f"is reserved ({', '.join(sorted(_RESERVED))} and pg_...)"
    return None
