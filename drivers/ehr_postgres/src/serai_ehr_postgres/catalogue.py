"""What the database's catalogue says about the views, compared with what was agreed."""

from __future__ import annotations

from collections.abc import Mapping

import asyncpg
import attrs

from serai_ehr import VIEWS, View, ViewFault
from serai_ehr.found import FoundColumn, Types, view_faults

TYPES: Types = {
    "text": ("varchar", "text", "bpchar"),
    "integer": ("int2", "int4", "int8", "numeric"),
    "date": ("date", "timestamp"),
    "timestamp": ("timestamptz", "timestamp"),
}
"""What was an Oracle DATE or NUMBER often arrives as timestamp or numeric."""

_QUERY = """
select n.nspname::text as schema, c.relname::text as name, a.attname::text as column,
       coalesce(base.typname, t.typname)::text as type,
       has_schema_privilege(n.oid, 'usage') and has_column_privilege(c.oid, a.attnum, 'select') as readable
from unnest($1::text[], $2::text[]) as wanted (schema, name)
join pg_namespace n on n.nspname = wanted.schema
join pg_class c on c.relnamespace = n.oid and lower(c.relname) = lower(wanted.name)
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
join pg_type t on t.oid = a.atttypid
left join pg_type base on base.oid = t.typbasetype
order by a.attnum
"""


@attrs.frozen
class FoundView:
    """A view (or table) as it is in the database; columns by their names in upper case."""

    schema: str
    name: str
    columns: dict[str, FoundColumn] = attrs.Factory(dict)


Names = Mapping[View, tuple[str, str]]
"""Schema and name under which each view is looked for; the name in any case."""


async def look_up(connection: asyncpg.Connection, names: Names) -> dict[View, FoundView]:
    """The views that are there; one that may not be read is among them."""
    records = await connection.fetch(
        _QUERY, [schema for schema, _ in names.values()], [name for _, name in names.values()]
    )
    found: dict[tuple[str, str], FoundView] = {}
    for record in records:
        schema, name = record["schema"], record["name"]
        view = found.setdefault((schema, name.lower()), FoundView(schema, name))
        view.columns[record["column"].upper()] = FoundColumn(record["column"], record["type"], record["readable"])
    return {
        view: found[schema, name.lower()] for view, (schema, name) in names.items() if (schema, name.lower()) in found
    }


def faults(found: Mapping[View, FoundView], names: Names) -> list[ViewFault]:
    """All ways in which the views are not as agreed."""
    return [fault for view in VIEWS for fault in faults_of(view, found.get(view), names[view])]


def faults_of(view: View, found: FoundView | None, name: tuple[str, str]) -> list[ViewFault]:
    """All ways in which one view is not as agreed."""
    if found is None:
        return [ViewFault(view.name, None, f"a view {name[0]}.{name[1]}", "none of that name")]
    if not any(column.readable for column in found.columns.values()):
        return [ViewFault(view.name, None, f"the right to SELECT from {name[0]}.{name[1]}", "permission denied")]
    return view_faults(view, found.columns, TYPES)
