"""What a database holds where the views should be, compared with what was agreed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches

import attrs

from serai import PluginError
from serai_ehr.source import ViewFault
from serai_ehr.views import Column, ColumnType, View


@attrs.frozen
class FoundColumn:
    """A column as it is in the database: its name as it is spelt there, and the database's word for its type."""

    name: str
    type: str
    readable: bool = True


Columns = Mapping[str, FoundColumn]
"""The columns of a view that was found, by their names in upper case."""

Types = Mapping[ColumnType, Sequence[str]]
"""The database's types that can stand for a column's, the natural one first."""


def view_faults(view: View, found: Columns, types: Types) -> list[ViewFault]:
    """All ways in which the columns of a view are not as agreed; additional ones do not matter."""
    others = [column.name for name, column in found.items() if name not in view.column_names]
    checked = (_column_fault(view, column, found.get(column.name), others, types) for column in view.columns)
    return [fault for fault in checked if fault]


def refusal(device: str, fault: ViewFault) -> PluginError:
    """Why a view that is not as agreed is not read."""
    what = f"{fault.view}.{fault.column}" if fault.column else fault.view
    return PluginError(
        f"device {device}: {what}: expected {fault.expected}, found {fault.found}",
        hint="the view's owner has to restore what was agreed",
    )


def _column_fault(
    view: View, column: Column, found: FoundColumn | None, others: list[str], types: Types
) -> ViewFault | None:
    if found is None:
        return ViewFault(
            view.name, column.name, f"a column of type {column.type}", f"no such column{_instead(column, others)}"
        )
    if not found.readable:
        return ViewFault(view.name, column.name, "the right to SELECT", "permission denied")
    if found.type not in types[column.type]:
        return ViewFault(view.name, column.name, f"{column.type} ({' or '.join(types[column.type])})", found.type)
    return None


def _instead(column: Column, others: list[str]) -> str:
    """What a column may be called now: the names that look like it, or all that nobody asked for."""
    spelt = {name.upper(): name for name in others}
    if alike := get_close_matches(column.name, spelt):
        return f"; it may be called {' or '.join(spelt[name] for name in alike)} now"
    return f"; besides what was agreed there is {', '.join(others)}" if others else ""
