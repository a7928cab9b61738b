"""The JSON of a person with some of the directory fields, cut out of the JSON with all of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from operator import attrgetter

from serai_isapi.snapshot.person import DIRECTORY, Person

Cut = Callable[[Person], bytes]


@lru_cache(maxsize=1024)
def cut_of(fields: tuple[str, ...]) -> Cut:
    """What gives the JSON with these `fields`, which are in the order of `Employee` and begin with `emplid`."""
    if fields == DIRECTORY:
        return attrgetter("directory")
    spans = _spans(fields)

    def cut(person: Person) -> bytes:
        whole = person.directory
        found, at = [], 0
        for begin, end in spans:
            start = whole.index(begin, at)
            at = whole.index(end, start + 1) if end else len(whole) - 1
            found.append(whole[start:at])
        return b"".join(found) + b"}"

    return cut


def _spans(fields: tuple[str, ...]) -> list[tuple[bytes, bytes]]:
    """The text before each run of neighbouring fields, and the text behind it; none behind the last field of all.

    That text, `,"name":`, stands in no value, where a quotation mark has a backslash before it; and where an inner
    object has a key of the same name, it comes behind the field that is looked for, and the search goes forwards only.
    """
    befores = [b"{", *(f',"{field}":'.encode() for field in DIRECTORY[1:]), b""]
    chosen = [field in fields for field in DIRECTORY]
    begins = [text for text, this, last in zip(befores, chosen, [False, *chosen], strict=False) if this and not last]
    ends = [
        text for text, this, following in zip(befores[1:], chosen, [*chosen[1:], False], strict=True)
        if this and not following
    ]  # fmt: skip
    return list(zip(begins, ends, strict=True))
