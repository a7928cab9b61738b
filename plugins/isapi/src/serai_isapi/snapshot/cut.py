"""The JSON of a person with some of its fields, cut out of the JSON with all of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from serai_isapi.snapshot.person import FIELDS, PERSONAL_FROM, Person

DIRECTORY = FIELDS[: FIELDS.index(PERSONAL_FROM)]

Cut = Callable[[Person], bytes]


@lru_cache(maxsize=1024)
def cut_of(fields: tuple[str, ...]) -> Cut:
    """What gives the JSON with these `fields`, which are in the order of `Employee` and begin with `emplid`."""
    if fields == FIELDS:
        return lambda person: person.directory + person.personal
    if fields == DIRECTORY:
        return lambda person: person.directory + b"}"
    return _pieces(fields)


def _pieces(fields: tuple[str, ...]) -> Cut:
    """Cuts out neighbours in one piece: each is found by the text before it and the text after it.

    That text, `,"name":`, stands in no value, where a quotation mark has a backslash before it; and where an inner
    object has a key of the same name, it comes behind the field that is looked for, and the search goes forwards only.
    """
    chosen = set(fields)
    ends = [*(f',"{field}":'.encode() for field in FIELDS[1:]), b"}"]
    pieces: list[tuple[bytes, bytes]] = []
    begin = None
    for field, before, behind in zip(FIELDS, [b"{", *ends], ends, strict=False):
        if field in chosen:
            begin = begin or before
        elif begin:
            pieces.append((begin, before))
            begin = None
        last = behind
    if begin:
        pieces.append((begin, last))

    def cut(person: Person) -> bytes:
        whole = person.directory + person.personal
        found, at = [], 0
        for begin, end in pieces:
            start = whole.index(begin, at)
            at = len(whole) - 1 if end == b"}" else whole.index(end, start + 1)
            found.append(whole[start:at])
        return b"".join(found) + b"}"

    return cut
