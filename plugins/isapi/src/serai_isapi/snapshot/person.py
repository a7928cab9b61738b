"""What the memory keeps of one person."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

import asyncpg
import msgspec
from msgspec import Struct

from serai_isapi.directory import reading_of
from serai_isapi.shapes import Employee

T = TypeVar("T")

FIELDS = Employee.__struct_fields__
"""In the order in which they stand in the JSON."""
PERSONAL_FROM = "mobile_phone"
"""The first of the fields that not everybody with `isapi:read` sees; the last ones of `Employee`."""
PERSONAL = frozenset(FIELDS[FIELDS.index(PERSONAL_FROM) :])

_READING = reading_of(FIELDS)
COLUMNS = f"{_READING.columns}, e.department_path, e.search"
"""What is selected of `isapi.employee e` to make a `Person`."""

STATUS, DEPARTMENT, BRANCH, LOCATION, MANAGER, ACCOUNT, KEY = b"s", b"d", b"b", b"l", b"m", b"a", b"k"
"""What a line of the index tells of a person: its first byte. A branch is a department with all those below it."""
BAR = b"\xff"
"""Between a line's value and the emplid: no text in UTF-8 has that byte."""

_encode = msgspec.json.Encoder().encode
_SPLIT = f',"{PERSONAL_FROM}":'.encode()


class Person(Struct, frozen=True, gc=False, kw_only=True):
    """One person, as JSON in two parts and by what filters ask for."""

    id: bytes
    """The emplid."""
    directory: bytes
    """The JSON up to the personal fields, which are `personal` with the closing brace."""
    personal: bytes
    status: str
    deptid: str | None
    path: tuple[str, ...]
    location: str | None
    manager: str | None
    account: str | None
    keys: bytes
    """What a search may begin with, `|` before each."""

    @property
    def emplid(self) -> str:
        return self.id.decode()


def person_of(row: asyncpg.Record, shared: dict[Any, Any]) -> Person:
    """The person of a row of `COLUMNS`. Values that many people have are taken from `shared`, and put there."""
    found = Employee(**_READING.values(row))
    body = _encode(found)
    split = body.index(_SPLIT)
    return Person(
        id=found.emplid.encode(),
        directory=body[:split],
        personal=body[split:],
        status=_once(found.status, shared),
        deptid=_once(row["deptid"], shared),
        path=_once(tuple(row["department_path"]), shared),
        location=_once(row["location"], shared),
        manager=_once(row["manager_emplid"], shared),
        account=row["rtx_id"],
        keys=b"".join(b"|" + key for key in _keys(row["search"])),
    )


def _once(value: T, shared: dict[T, T]) -> T:
    return shared.setdefault(value, value)


def _keys(search: str) -> Iterator[bytes]:
    """The keys in `isapi.employee.search`, less those that others begin with: beside `wgz` there is no need of `wg`."""
    keys = sorted(search.encode().split(b"|")[1:])
    for key, following in zip(keys, [*keys[1:], b""], strict=True):
        if key and not following.startswith(key):
            yield key


def lines_of(person: Person) -> Iterator[tuple[bytes, int]]:
    """The lines of the index that tell of the person; of each, how much of it is its shelf in a `LinesBuilder`."""
    exact = [
        (STATUS, person.status),
        (DEPARTMENT, person.deptid),
        (LOCATION, person.location),
        (MANAGER, person.manager),
        (ACCOUNT, person.account),
        *((BRANCH, deptid) for deptid in person.path),
    ]
    for kind, value in exact:
        if value is not None:
            line = prefix(kind, value) + person.id
            yield line, len(line) - len(person.id)
    for key in person.keys.split(b"|")[1:]:
        yield b"%b%b\xff%b" % (KEY, key, person.id), 3


def prefix(kind: bytes, value: str) -> bytes:
    """How all lines of that value begin; what follows is an emplid."""
    return b"%b%b\xff" % (kind, value.encode())
