"""What the views look like, asked of the views themselves.

A query without rows is described by the server. That needs no right beyond SELECT, follows synonyms, and finds a view
that does not compile any more: the data dictionary would tell none of that.
"""

from __future__ import annotations

from collections.abc import Mapping

import oracledb

from serai_ehr import View, ViewFault
from serai_ehr.found import Columns, FoundColumn, Types, view_faults

LOCAL = ("DATE", "TIMESTAMP")
"""Types of moments that carry no zone."""
ZONED = ("TIMESTAMP WITH TIME ZONE", "TIMESTAMP WITH LOCAL TIME ZONE")
"""Types of moments that know theirs."""

TYPES: Types = {
    "text": ("VARCHAR2", "CHAR", "NVARCHAR2", "NCHAR", "CLOB", "NCLOB", "LONG"),
    "integer": ("NUMBER",),
    "date": ("DATE", "TIMESTAMP"),
    "timestamp": ("TIMESTAMP", "DATE", *ZONED),
}

_WORDS = {
    oracledb.DB_TYPE_VARCHAR: "VARCHAR2",
    oracledb.DB_TYPE_NVARCHAR: "NVARCHAR2",
    oracledb.DB_TYPE_TIMESTAMP_TZ: ZONED[0],
    oracledb.DB_TYPE_TIMESTAMP_LTZ: ZONED[1],
}
"""Oracle's words for types, where they are not those of the client library."""

_UNREADABLE = {
    "ORA-00942": "none that this account may read",
    "ORA-01031": "one that this account may not read",
    "ORA-04063": "one that has errors and must be compiled anew",
}
"""What is found where a view cannot be described."""

Places = Mapping[View, str]
"""Under which name each view is looked for: `V_IS_JOB` or `HR.V_IS_JOB`."""


async def look_up(connection: oracledb.AsyncConnection, view: View, place: str) -> tuple[Columns, list[ViewFault]]:
    """The columns of a view, and all ways in which they are not as agreed."""
    with connection.cursor() as cursor:
        try:
            await cursor.execute(f"select * from {place} where 1 = 0")  # noqa: S608 the settings' identifiers
        except oracledb.DatabaseError as error:
            code = error.args[0].full_code
            if found := _UNREADABLE.get(code):
                return {}, [ViewFault(view.name, None, f"a view {place}", f"{found} ({code})")]
            raise
        columns = {
            info.name.upper(): FoundColumn(info.name, _WORDS.get(info.type_code) or _word(info.type_code))
            for info in cursor.description
        }
    return columns, view_faults(view, columns, TYPES)


def _word(type_: oracledb.DbType) -> str:
    name: str = type_.name
    return name.removeprefix("DB_TYPE_").replace("_", " ")
