"""Which view of the source is kept in which table."""

from __future__ import annotations

import attrs
from sqlalchemy import Table

from serai_ehr import View, views
from serai_isapi import tables


@attrs.frozen
class Record:
    """A view and the table that keeps it; the table's columns are some of the view's, in lower case."""

    view: View
    table: Table
    required: bool = False
    """An empty reading of this view is never believed, not even the first one."""

    @property
    def name(self) -> str:
        return str(self.table.name)

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.table.columns)

    @property
    def key(self) -> tuple[str, ...]:
        return tuple(column.lower() for column in self.view.key)

    @property
    def staged(self) -> str:
        """The temporary table that takes the rows of a run."""
        return f"pg_temp.staged_{self.name}"


RECORDS = (
    Record(views.PERSON, tables.person, required=True),
    Record(views.DEPT, tables.dept, required=True),
    Record(views.JOBCODE, tables.jobcode),
    Record(views.LOCATION, tables.location),
    Record(views.DEPT_TREE, tables.dept_tree, required=True),
    Record(views.NAME, tables.name, required=True),
    Record(views.CONTACT, tables.contact),
    Record(views.ACCOUNT, tables.account),
    Record(views.JOB, tables.job, required=True),
    Record(views.RELATION, tables.relation),
)
"""In the order in which they are judged: what others refer to comes first. V_IS_NID is not read yet (see `tables`)."""
