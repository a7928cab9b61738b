"""Which view of the source is kept in which table."""

from __future__ import annotations

from functools import cached_property

import attrs
from sqlalchemy import Table

from serai_ehr import View, views
from serai_isapi import tables
from serai_isapi.sealing import BIRTHDATE, NATIONAL_ID, Sealed


@attrs.define(frozen=True, slots=False)
class Record:
    """A view and the table that keeps it; the table's columns are some of the view's, in lower case, and `row_hash`."""

    view: View
    table: Table
    required: bool = False
    """An empty reading of this view is never believed, not even the first one."""
    sealed: tuple[Sealed, ...] = ()
    """Columns of the view that are only kept encrypted."""

    @property
    def name(self) -> str:
        return str(self.table.name)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns that come from the view."""
        return tuple(column.name for column in self.table.columns if column.name != "row_hash")

    @cached_property
    def sources(self) -> dict[str, str]:
        """Of each column the view's column that it comes from; indexes of sealed ones come from none."""
        renamed = {sealed.column.column: sealed.source for sealed in self.sealed}
        indexes = {sealed.column.index for sealed in self.sealed}
        return {name: renamed.get(name, name) for name in self.columns if name not in indexes}

    @cached_property
    def secret_columns(self) -> tuple[str, ...]:
        """The columns that hold boxes and their indexes."""
        found = [name for sealed in self.sealed for name in (sealed.column.column, sealed.column.index)]
        return tuple(name for name in found if name is not None)

    @cached_property
    def key(self) -> tuple[str, ...]:
        return tuple(column.lower() for column in self.view.key)

    @property
    def staged(self) -> str:
        """The temporary table that takes the rows of a run (see `staging`)."""
        return f"pg_temp.staged_{self.name}"

    @property
    def held(self) -> str:
        """The table that keeps them while the run is held."""
        return f"isapi.held_{self.name}"

    def same(self, one: str, other: str) -> str:
        """The SQL condition that two rows have one key; `one` and `other` are aliases."""
        return " and ".join(f"{one}.{column} = {other}.{column}" for column in self.key)

    def agrees(self, bad: str, kept: str) -> str:
        """The SQL condition that a row whose key is known in part may stand for a kept one."""
        first, *rest = self.key
        parts = [f"({bad}.{column} is null or {bad}.{column} = {kept}.{column})" for column in rest]
        return " and ".join([f"{bad}.{first} = {kept}.{first}", *parts])


NID = Record(views.NID, tables.nid, sealed=(NATIONAL_ID,))
"""Read only where a setting says so."""

RECORDS = (
    Record(views.PERSON, tables.person, required=True, sealed=(BIRTHDATE,)),
    Record(views.DEPT, tables.dept, required=True),
    Record(views.JOBCODE, tables.jobcode),
    Record(views.LOCATION, tables.location),
    Record(views.DEPT_TREE, tables.dept_tree, required=True),
    Record(views.NAME, tables.name, required=True),
    Record(views.CONTACT, tables.contact),
    Record(views.ACCOUNT, tables.account),
    Record(views.JOB, tables.job, required=True),
    Record(views.RELATION, tables.relation),
    NID,
)
"""In the order in which they are judged: what others refer to comes first."""
