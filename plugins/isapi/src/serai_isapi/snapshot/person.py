"""What the memory keeps of one person."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, TypeVar, cast, get_type_hints

import asyncpg
import msgspec
from msgspec import Struct, structs

from serai import Personal
from serai_isapi.directory import reading_of
from serai_isapi.shapes import Employee

T = TypeVar("T")

FIELDS = Employee.__struct_fields__
"""In the order in which they stand in the JSON."""
_MARKS = {
    name: getattr(hint, "__metadata__", ()) for name, hint in get_type_hints(Employee, include_extras=True).items()
}
PERSONAL = tuple(field for field in FIELDS if any(isinstance(mark, Personal) for mark in _MARKS[field]))
"""The fields that the kernel guards."""
DIRECTORY = FIELDS[: -len(PERSONAL)]
"""The fields that everybody with `isapi:read` sees of everybody: they stand before the personal ones."""
if set(DIRECTORY) & set(PERSONAL):
    raise TypeError("Employee has a personal field among those of the directory, which are sent as they are kept")

_READING = reading_of(FIELDS)
COLUMNS = f"{_READING.columns}, e.department_path, e.search"
"""What is selected of `isapi.employee e` to make a `Person`."""

STATUS, DEPARTMENT, BRANCH, LOCATION, MANAGER, ACCOUNT, KEY = b"s", b"d", b"b", b"l", b"m", b"a", b"k"
"""What a line of the index tells of a person: its first byte. A branch is a department with all those below it."""
BAR = b"\xff"
"""Between a line's value and the emplid: no text in UTF-8 has that byte."""

PersonalPart = msgspec.defstruct(
    "PersonalPart",
    [(field.name, field.type) for field in structs.fields(Employee) if field.name in PERSONAL],
    array_like=True,
    gc=False,
)
"""The personal fields without their names: a third of the memory of their JSON."""

_to_json = msgspec.json.Encoder().encode
_to_bytes = msgspec.msgpack.Encoder().encode
_from_json = msgspec.json.Decoder(Employee).decode
_personal_part = msgspec.msgpack.Decoder(PersonalPart).decode
_SPLITS = tuple(f',"{field}":'.encode() for field in ("department", "title", "manager_emplid", PERSONAL[0]))


class Person(Struct, frozen=True, gc=False, kw_only=True):
    """One person, as JSON in pieces and by what filters ask for. Pieces that many people share are held once."""

    id: bytes
    """The emplid."""
    own: bytes
    """The JSON from the emplid on."""
    department: bytes
    place: bytes
    """From the title to the business unit."""
    role: bytes
    """From the manager to the status, the last of the directory fields; without the closing brace."""
    personal: bytes
    """A `PersonalPart`."""
    status: str
    deptid: str | None
    path: tuple[str, ...]
    location: str | None
    manager: str | None
    keys: bytes
    """What a search may begin with, `|` before each."""

    @property
    def emplid(self) -> str:
        return self.id.decode()

    @property
    def directory(self) -> bytes:
        """The JSON with the directory fields."""
        return b"".join((self.own, self.department, self.place, self.role, b"}"))

    def seen_without(self, hidden: Collection[str]) -> Person | None:
        """The person as seen by whom some people are `hidden` from; None for one of these."""
        if self.emplid in hidden:
            return None
        if self.manager is None or self.manager not in hidden:
            return self
        unmanaged = b',"manager_emplid":null' + self.role[self.role.index(b',"employment_type":') :]
        return structs.replace(self, manager=None, role=unmanaged)

    def employee(self, fields: tuple[str, ...]) -> Employee:
        """The object with these fields."""
        directory, personal = _from_json(self.directory), _personal_part(self.personal)
        return Employee(**{field: getattr(personal if field in PERSONAL else directory, field) for field in fields})


def person_of(row: asyncpg.Record, shared: dict[Any, Any]) -> Person:
    """The person of a row of `COLUMNS`. Values that many people have are taken from `shared`, and put there."""
    employee = Employee(**_READING.values(row))
    own, department, place, role = _pieces(_to_json(employee))
    return Person(
        id=employee.emplid.encode(),
        own=own,
        department=_once(department, shared),
        place=_once(place, shared),
        role=_once(role, shared),
        personal=_to_bytes([getattr(employee, field) for field in PERSONAL]),
        status=_once(cast(str, employee.status), shared),
        deptid=_once(row["deptid"], shared),
        path=_once(tuple(row["department_path"]), shared),
        location=_once(row["location"], shared),
        manager=_once(row["manager_emplid"], shared),
        keys=b"".join(b"|" + key for key in _keys(row["search"])),
    )


def _pieces(body: bytes) -> list[bytes]:
    """The JSON of an employee up to the personal fields, split before some fields.

    The text before a field's value, `,"title":`, stands in no value, where a quotation mark has a backslash before it.
    """
    pieces, start = [], 0
    for text in _SPLITS:
        end = body.index(text, start)
        pieces.append(body[start:end])
        start = end
    return pieces


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
        (ACCOUNT, _account(person)),
        *((BRANCH, deptid) for deptid in person.path),
    ]
    for kind, value in exact:
        if value is not None:
            line = prefix(kind, value) + person.id
            yield line, len(line) - len(person.id)
    for key in person.keys.split(b"|")[1:]:
        yield b"%b%b%b%b" % (KEY, key, BAR, person.id), 3


class _Account(Struct):
    rtx_id: str | None


_account_in = msgspec.json.Decoder(_Account).decode


def _account(person: Person) -> str | None:
    return _account_in(person.own + b"}").rtx_id


def prefix(kind: bytes, value: str) -> bytes:
    """How all lines of that value begin; what follows is an emplid."""
    return b"%b%b%b" % (kind, value.encode(), BAR)
