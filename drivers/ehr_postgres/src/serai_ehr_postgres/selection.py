"""The query that reads a view, whole or for what changed."""

from __future__ import annotations

from datetime import date, datetime, timedelta, tzinfo

from serai_ehr import Changed, View
from serai_ehr.views import EFFECTIVE, STAMP
from serai_ehr_postgres.catalogue import FoundView

Parameter = date | datetime


def selection(view: View, found: FoundView, zone: tzinfo, changed: Changed | None) -> tuple[str, list[Parameter]]:
    """SQL and its parameters; the zone is that of timestamps without one. Columns are in the order of the view's."""
    columns = ", ".join(_quoted(found.columns[column.name].name) for column in view.columns)
    query = f"select {columns} from {_quoted(found.schema)}.{_quoted(found.name)}"  # noqa: S608 names of the catalogue, quoted
    if changed is None or not view.stamped:
        return query, []
    stamp = found.columns[STAMP]
    since = changed.since.astimezone(zone)
    conditions = [f"{_quoted(stamp.name)} >= $1"]
    parameters: list[Parameter] = [since.replace(tzinfo=None) if stamp.type == "timestamp" else since]
    if view.effective:
        effective = _quoted(found.columns[EFFECTIVE].name)
        # Half open, for a date that arrived as a timestamp may carry a time of day.
        conditions.append(f"{effective} >= $2::date and {effective} < $3::date")
        parameters += [changed.effective_after + timedelta(days=1), changed.effective_to + timedelta(days=1)]
    return f"{query} where {' or '.join(conditions)}", parameters


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
