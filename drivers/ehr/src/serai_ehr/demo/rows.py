"""The rows of every view, made from a snapshot while they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from serai_ehr import views
from serai_ehr.demo import catalogue, people
from serai_ehr.demo.company import Snapshot
from serai_ehr.source import Row
from serai_ehr.views import View


def rows(snapshot: Snapshot, view: View) -> Iterator[Row]:
    """All rows of the view as of the snapshot."""
    return _MAKERS[view](snapshot)


def _persons(snapshot: Snapshot) -> Iterator[Row]:
    return (people.person_row(person) for person, _ in snapshot.people)


def _names(snapshot: Snapshot) -> Iterator[Row]:
    for person, _ in snapshot.people:
        yield from people.name_rows(person, snapshot.moment)


def _contacts(snapshot: Snapshot) -> Iterator[Row]:
    """Contacts stay as they were when the person left."""
    for person, left in snapshot.people:
        until = left or snapshot.moment
        yield from people.contact_rows(person, until, epoch=snapshot.epoch, period=snapshot.contact_period)


def _nids(snapshot: Snapshot) -> Iterator[Row]:
    for person, _ in snapshot.people:
        yield from people.nid_rows(person)


def _jobs(snapshot: Snapshot) -> Iterator[Row]:
    for history in snapshot.histories:
        yield from history


def _departments(snapshot: Snapshot) -> Iterator[Row]:
    for history in snapshot.departments:
        yield from history
    yield from catalogue.acquired_departments()


def _trees(snapshot: Snapshot) -> Iterator[Row]:
    for tree in snapshot.trees:
        yield from tree


def _accounts(snapshot: Snapshot) -> Iterator[Row]:
    return (people.account_row(person) for person, _ in snapshot.people)


_MAKERS: dict[View, Callable[[Snapshot], Iterator[Row]]] = {
    views.PERSON: _persons,
    views.NAME: _names,
    views.CONTACT: _contacts,
    views.NID: _nids,
    views.JOB: _jobs,
    views.DEPT: _departments,
    views.DEPT_TREE: _trees,
    views.JOBCODE: lambda snapshot: iter(catalogue.jobcode_rows(snapshot.moment.date())),
    views.LOCATION: lambda snapshot: iter(catalogue.location_rows()),
    views.ACCOUNT: _accounts,
    views.RELATION: lambda snapshot: iter(snapshot.relations),
}
