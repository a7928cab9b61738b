"""What a session with the stand-in does: it runs the driver's few statements on SQLite."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from threading import Event
from typing import Any

import attrs
from seerdb.server import BackendError, BindVar, Capability, ColumnMeta, Result

from serai_ehr import Row
from serai_ehr_oracle.testing.tables import kept, moment, open_database

USER, PASSWORD = "SERAI_READ", "wicket"

_WIRE = {
    "VARCHAR2": (1, 4000),
    "TEXT": (1, 4000),
    "NVARCHAR2": (1, 4000),
    "NUMBER": (2, 22),
    "INT": (2, 22),
    "NUM": (2, 22),
    "DATE": (12, 7),
    "TIMESTAMP": (180, 11),
    "CLOB": (112, 4000),
    "TIMESTAMP WITH TIME ZONE": (181, 13),
    "TIMESTAMP WITH LOCAL TIME ZONE": (231, 11),
}
"""By a column's declared type, or SQLite's affinity of an expression: Oracle's number of the type, and its length."""
_MOMENTS = ("DATE", "TIMESTAMP")


@attrs.define(eq=False)
class Session:
    """One session of a client: seerdb's `Backend`."""

    _path: Path
    _answering: Event
    _database: sqlite3.Connection | None = None
    capabilities = frozenset({Capability.TRANSACTIONS})

    def authenticate(self, username: str) -> str | None:
        """The password that the client must know."""
        return PASSWORD if username.upper() == USER else None

    def execute(self, sql: str, binds: Sequence[Any] = ()) -> Result:
        """Run one of the driver's statements."""
        if self._database is None:  # here, in the session's own thread
            self._database = open_database(self._path)
        lower = sql.lower()
        if lower.startswith("alter session set time_zone"):
            return Result()
        if lower == "set transaction read only":
            self._database.execute("begin")
            self._database.execute("select * from sqlite_master").fetchone()  # only a look takes the moment
            return Result()
        if not lower.startswith("select"):
            raise BackendError("insert/delete/update not possible in a READ ONLY transaction", ora_code=1456)
        self._answering.wait()
        return self._select(self._database, sql, binds)

    def _select(self, database: sqlite3.Connection, sql: str, binds: Sequence[Any]) -> Result:
        names = dict.fromkeys(re.findall(r":(\w+)", sql))
        values = [kept(bind.value if isinstance(bind, BindVar) else bind) for bind in binds]
        try:
            cursor = database.execute(sql, dict(zip(names, values, strict=True)))
            found = cursor.fetchall()
        except sqlite3.OperationalError as error:
            raise _refusal(str(error)) from error
        place = sql.lower().partition(" from ")[2].split()[0]
        schema, _, name = place.rpartition(".")
        table = database.execute(f"pragma {schema or 'main'}.table_info({name})")
        declared = {row[1].upper(): row[2].upper() for row in table}
        types = [declared.get(column[0].upper().strip('"'), "TIMESTAMP") or "TEXT" for column in cursor.description]
        columns = [
            _column(described[0].strip('"').upper(), type_)
            for described, type_ in zip(cursor.description, types, strict=True)
        ]
        return Result(columns=columns, rows=[_sent(row, types) for row in found])

    def commit(self) -> None:
        """Nothing is ever written."""

    def rollback(self) -> None:
        """End the transaction."""
        if self._database is not None and self._database.in_transaction:
            self._database.execute("rollback")

    def close(self) -> None:
        """Let go of the file."""
        if self._database is not None:
            self._database.close()


def _column(name: str, type_: str) -> ColumnMeta:
    number, length = _WIRE[type_]
    national = 2 if type_ == "NVARCHAR2" else 1
    return ColumnMeta(name.encode(), number, length, length, csfrm=national)


def _sent(row: Sequence[Any], types: Sequence[str]) -> Row:
    return tuple(
        moment(value) if value is not None and type_ in _MOMENTS else value
        for value, type_ in zip(row, types, strict=True)
    )


def _refusal(said: str) -> BackendError:
    """SQLite's complaint as Oracle's."""
    if "no such table" in said:
        return BackendError("table or view does not exist", ora_code=942)
    if "no such column" in said:
        return BackendError("invalid identifier", ora_code=904)
    return BackendError(said, ora_code=900)
