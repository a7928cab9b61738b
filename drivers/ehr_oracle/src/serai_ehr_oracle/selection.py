"""The query that reads a view, whole or for what changed."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo

import attrs
import oracledb

from serai_ehr import Changed, View
from serai_ehr.found import Columns, FoundColumn
from serai_ehr.views import EFFECTIVE, STAMP
from serai_ehr_oracle.catalogue import LOCAL, ZONED


@attrs.frozen
class Selection:
    """A query with its parameters: values never stand in its text."""

    sql: str
    values: dict[str, datetime] = attrs.Factory(dict)
    types: dict[str, oracledb.DbType] = attrs.Factory(dict)


def selection(view: View, place: str, found: Columns, zone: tzinfo, changed: Changed | None) -> Selection:
    """What reads the view's columns in their order; the zone is that of moments without one."""
    columns = ", ".join(_expression(found[column.name]) for column in view.columns)
    sql = f"select {columns} from {place}"  # noqa: S608 names as the database spells them, quoted
    if changed is None or not view.stamped:
        return Selection(sql)
    condition, since, type_ = _stamped(found[STAMP], changed.since, zone)
    values, types = {"since": since}, {"since": type_}
    if view.effective:
        effective = _quoted(found[EFFECTIVE])
        # Half open, for a DATE may carry a time of day.
        condition += f" or {effective} >= :first and {effective} < :beyond"
        values["first"] = _midnight(changed.effective_after + timedelta(days=1))
        values["beyond"] = _midnight(changed.effective_to + timedelta(days=1))
        types |= {"first": oracledb.DB_TYPE_DATE, "beyond": oracledb.DB_TYPE_DATE}
    return Selection(f"{sql} where {condition}", values, types)


def _stamped(stamp: FoundColumn, since: datetime, zone: tzinfo) -> tuple[str, datetime, oracledb.DbType]:
    """The condition in the column's own type: converting the column would keep its index from being used."""
    if stamp.type in LOCAL:
        type_ = oracledb.DB_TYPE_DATE if stamp.type == "DATE" else oracledb.DB_TYPE_TIMESTAMP
        return f"{_quoted(stamp)} >= :since", since.astimezone(zone).replace(tzinfo=None), type_
    utc = since.astimezone(UTC).replace(tzinfo=None)
    return f"{_quoted(stamp)} >= from_tz(:since, 'UTC')", utc, oracledb.DB_TYPE_TIMESTAMP


def _expression(column: FoundColumn) -> str:
    """The column; of a moment with a zone its UTC, because the client reads no names of zones."""
    return f"sys_extract_utc({_quoted(column)})" if column.type in ZONED else _quoted(column)


def _quoted(column: FoundColumn) -> str:
    return '"' + column.name.replace('"', '""') + '"'


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())
