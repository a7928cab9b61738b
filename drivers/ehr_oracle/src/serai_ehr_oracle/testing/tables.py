"""The stand-in's database: PeopleSoft-shaped tables in SQLite, and the shipped views over them.

Moments are kept as Oracle keeps a DATE: Shanghai's, without a zone, as texts that sort like them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, date, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from serai_ehr import Row, View
from serai_ehr.demo.clock import ZONE
from serai_ehr.views import (
    ACCOUNT,
    CONTACT,
    DEPT,
    DEPT_TREE,
    JOB,
    JOBCODE,
    LOCATION,
    NAME,
    NID,
    PERSON,
    RELATION,
    ColumnType,
)

_SAME_COLUMNS = {
    NAME: "ps_names",
    NID: "ps_pers_nid",
    JOB: "ps_job",
    DEPT: "ps_dept_tbl",
    DEPT_TREE: "pstreenode",
    JOBCODE: "ps_jobcode_tbl",
    LOCATION: "ps_location_tbl",
    ACCOUNT: "ps_is_account",
    RELATION: "ps_is_relation",
}
_OTHERS = {
    "ps_person": "emplid varchar2, birthdate date, last_child_upddtm timestamp",
    "ps_pers_data_effdt": "emplid varchar2, effdt date, sex varchar2, highest_educ_lvl varchar2",
    "ps_personal_phone": "emplid varchar2, phone_type varchar2, country_code varchar2, phone varchar2, "
    "extension varchar2, pref_phone_flag varchar2, lastupddttm timestamp",
    "ps_email_addresses": "emplid varchar2, e_addr_type varchar2, email_addr varchar2, pref_email_flag varchar2, "
    "lastupddttm timestamp",
}
_TYPES: dict[ColumnType, str] = {"text": "varchar2", "integer": "number", "date": "date", "timestamp": "timestamp"}
_UNUSUAL = {
    ("ps_dept_tbl", "DESCR"): "clob",
    ("ps_names", "NAME_AC"): "nvarchar2",
    ("ps_jobcode_tbl", "EFFDT"): "timestamp",
    ("ps_location_tbl", "LASTUPDDTTM"): "date",
    ("ps_is_account", "LASTUPDDTTM"): "timestamp with time zone",
    ("ps_is_relation", "LASTUPDDTTM"): "timestamp with local time zone",
}
"""Columns that installations are known to have in another of the accepted types."""


def load(path: Path, specimen: dict[View, list[Row]]) -> None:
    """Make the tables with the rows of a company, and the shipped views over them."""
    with closing(open_database(path)) as database:
        database.execute("pragma journal_mode = wal")  # readers keep their moment while somebody writes
        for view, table in _SAME_COLUMNS.items():
            columns = [f"{c.name} {_UNUSUAL.get((table, c.name), _TYPES[c.type])}" for c in view.columns]
            database.execute(f"create table {table} ({', '.join(columns)})")
            _insert(database, table, specimen[view])
        for table, declared in _OTHERS.items():
            database.execute(f"create table {table} ({declared})")
        people, contacts = specimen[PERSON], specimen[CONTACT]
        _insert(database, "ps_person", [(r[0], r[1], r[4]) for r in people])
        _insert(database, "ps_pers_data_effdt", [(r[0], r[1], r[2], r[3]) for r in people])
        _insert(database, "ps_personal_phone", [(r[0], *r[2:]) for r in contacts if r[1] == "PHONE"])
        _insert(database, "ps_email_addresses", [(r[0], r[2], r[4], r[6], r[7]) for r in contacts if r[1] == "EMAIL"])
        script = (files("serai_ehr_oracle") / "sql" / "views.sql").read_text()
        database.executescript(script.replace("create or replace view", "create view"))
        database.execute("create view dual as select serai_now() as systimestamp")


def _insert(database: sqlite3.Connection, table: str, rows: Sequence[Row]) -> None:
    if rows:
        marks = ", ".join("?" * len(rows[0]))
        insert = f"insert into {table} values ({marks})"  # noqa: S608 our own table
        database.executemany(insert, [[kept(value) for value in row] for row in rows])


def kept(value: Any) -> Any:
    """A value as SQLite keeps it."""
    if isinstance(value, datetime):
        local = value.astimezone(ZONE).replace(tzinfo=None) if value.tzinfo else value
        return local.isoformat(" ", "microseconds")
    return f"{value.isoformat()} 00:00:00.000000" if isinstance(value, date) else value


def open_database(path: Path) -> sqlite3.Connection:
    """A connection with the functions of Oracle's that the driver calls; each statement a transaction of its own."""
    database = sqlite3.connect(path, isolation_level=None)
    database.create_function("serai_now", 0, lambda: kept(datetime.now(UTC)))
    database.create_function("sys_extract_utc", 1, _to_utc)
    database.create_function("from_tz", 2, lambda text, _zone: text and kept(moment(text).replace(tzinfo=UTC)))
    return database


def _to_utc(text: str | None) -> str | None:
    return text and kept(moment(text).replace(tzinfo=ZONE).astimezone(UTC).replace(tzinfo=None))


def moment(text: str) -> datetime:
    """What `kept` made of a moment, as the database gives it: without a zone."""
    return datetime.fromisoformat(text)
