"""`EncryptedColumn`: a column whose texts are kept encrypted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import attrs

_WORD = r"[a-z][a-z0-9_]*"
_NAME = re.compile(rf"{_WORD}\.{_WORD}")
_IDENTIFIER = re.compile(_WORD)


def _names(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(names)


@attrs.frozen(kw_only=True)
class EncryptedColumn:
    """A `bytea` column of the plugin that holds texts encrypted by `ctx.keys`, each in a box of its own.

    The kernel re-encrypts it when the deployment's key changes, so what is encrypted must be declared. Names are those
    of the database.
    """

    name: str = attrs.field()
    """`nid.national_id_box`: table and column. A box is bound to it, so another name cannot open it."""
    row: Sequence[str] = attrs.field(converter=_names)
    """The columns that name the row, in their order: a box is bound to their values too."""
    index: str | None = attrs.field(default=None)
    """The `bytea` column of the table that holds `ctx.keys.index` of the value, by which it is found."""
    copies: Sequence[str] = attrs.field(default=(), converter=_names)
    """Other tables of the plugin with the same columns, into which rows are copied with their boxes."""

    @property
    def table(self) -> str:
        return self.name.partition(".")[0]

    @property
    def column(self) -> str:
        return self.name.partition(".")[2]

    @name.validator
    def _check_name(self, _: Any, name: str) -> None:
        if not _NAME.fullmatch(name):
            raise ValueError(f"the encrypted column {name!r} has no name such as 'nid.national_id_box'")

    @row.validator
    def _check_row(self, _: Any, row: tuple[str, ...]) -> None:
        if not row or not all(_IDENTIFIER.fullmatch(column) for column in row):
            raise ValueError(f"{self.name} is encrypted for rows that no columns name")

    @index.validator
    def _check_index(self, _: Any, index: str | None) -> None:
        if index is not None and not _IDENTIFIER.fullmatch(index):
            raise ValueError(f"{self.name} has the index {index!r}, which is no column's name")

    @copies.validator
    def _check_copies(self, _: Any, copies: tuple[str, ...]) -> None:
        if not all(_IDENTIFIER.fullmatch(table) for table in copies):
            raise ValueError(f"{self.name} is copied into {', '.join(copies)}, which are not tables' names")
