"""`Reading` of rows whose attributes are columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import attrs

from serai_isapi.scim.reading import Entry


@attrs.frozen
class Columns:
    """Attributes as expressions; the entries of a multi-valued one each as expressions of their sub-attributes.

    An entry is there where its `value` is. The entries are few and known, so that a condition on any of them is a
    condition on plain columns, for which indexes are used.
    """

    singles: Mapping[str, str]
    entries: Mapping[str, Sequence[Mapping[str, str]]]
    indexes: Mapping[str, Sequence[str]]

    def single(self, path: str) -> str | None:
        return self.singles.get(path)

    def indexed(self, path: str) -> Sequence[str]:
        return self.indexes.get(path, ())

    def inside(self, path: str) -> list[str]:
        return [expression for name, expression in self.singles.items() if name.startswith(f"{path}.")]

    def any_entry(self, path: str, condition: Callable[[Entry], str]) -> str:
        found = [f"({entry['value']} is not null and {condition(entry.get)})" for entry in self.entries.get(path, ())]
        return f"({' or '.join(found)})" if found else "false"

    def any_filled(self, path: str) -> str:
        return self.any_entry(path, lambda _: "true")

    def first(self, path: str, sub: str) -> str | None:
        found = [
            f"when {entry['value']} is not null then {entry.get(sub, 'null')}" for entry in self.entries.get(path, ())
        ]
        return f"case {' '.join(found)} end" if found else None
