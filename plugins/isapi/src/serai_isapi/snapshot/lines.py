"""An immutable sorted set of byte strings that costs hardly more memory than their bytes, and can be changed cheaply.

A B+ tree of two levels. Leaves are pages of some 32 lines, each page one byte string: what all its lines begin with,
and the rest of each. Above them lies the list of their first lines. A change copies the two lists and the pages that it
touches; all others are shared with the set before it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterator

from serai_isapi.snapshot.pace import Pace

PAGE = 32
"""Lines of a full page; twice as many make two."""
_END = b"\0"
"""Between lines, which are made of PostgreSQL's texts: those cannot hold it."""
_BEYOND = b"\xff\xff"
"""Begins no rest of a line: those are texts in UTF-8 with single bytes of this kind between them."""


class Lines:
    """The set. Lines are not empty and hold no zero byte."""

    __slots__ = ("_firsts", "_pages")

    def __init__(self, firsts: list[bytes], pages: list[bytes]) -> None:
        self._firsts = firsts
        self._pages = pages

    def __iter__(self) -> Iterator[bytes]:
        return self.starting_with(b"")

    def starting_with(self, prefix: bytes, *, after: bytes = b"") -> Iterator[bytes]:
        """The rest of each line that begins with `prefix`, in order, from beyond the rest `after` on."""
        start, beyond = prefix + after, prefix + _BEYOND
        width = len(prefix)
        for number in range(self._page_of(start), len(self._pages)):
            lines = _lines(self._pages[number])
            end = bisect_left(lines, beyond)
            for line in lines[bisect_right(lines, start) : end]:
                yield line[width:]
            if end < len(lines):
                return

    def about(self, prefix: bytes) -> int:
        """How many lines begin with `prefix`, to a page or two."""
        return PAGE * (bisect_left(self._firsts, prefix + _BEYOND) - bisect_left(self._firsts, prefix) + 1)

    async def changed(self, removed: Collection[bytes], added: Collection[bytes], pace: Pace) -> Lines:
        """The set without the lines `removed` and with those `added`."""
        touched: defaultdict[int, set[bytes]] = defaultdict(set)
        for line in removed:
            touched[self._page_of(line)]
        for line in added:
            touched[self._page_of(line)].add(line)
        firsts, pages = [*self._firsts], [*self._pages]
        gone = set(removed)
        for number in sorted(touched, reverse=True):
            kept = set(_lines(pages[number])) if pages else set()
            made = _paged(sorted((kept - gone) | touched[number]))
            pages[number : number + 1] = map(_page, made)
            firsts[number : number + 1] = (lines[0] for lines in made)
            await pace.rest()
        return Lines(firsts, pages)

    def _page_of(self, line: bytes) -> int:
        return max(bisect_right(self._firsts, line) - 1, 0)


class LinesBuilder:
    """Makes a set of many lines, without ever holding them all as objects: those would take four times the memory."""

    def __init__(self) -> None:
        self._shelves: defaultdict[bytes, bytearray] = defaultdict(bytearray)

    def add(self, line: bytes, shelf: bytes) -> None:
        """Add a line. `shelf` is its beginning, and no shelf is the beginning of another: each is sorted by itself."""
        self._shelves[shelf] += line + _END

    async def finish(self, pace: Pace) -> Lines:
        """The set; the builder is empty afterwards."""
        firsts: list[bytes] = []
        pages: list[bytes] = []
        lines: list[bytes] = []
        for shelf in sorted(self._shelves):
            lines += sorted(bytes(self._shelves.pop(shelf)[:-1]).split(_END))
            whole = len(lines) // PAGE * PAGE
            for start in range(0, whole, PAGE):
                firsts.append(lines[start])
                pages.append(_page(lines[start : start + PAGE]))
            del lines[:whole]
            await pace.rest()
        if lines:
            firsts.append(lines[0])
            pages.append(_page(lines))
        return Lines(firsts, pages)


def _paged(lines: list[bytes]) -> list[list[bytes]]:
    """The lines of each page that they fill."""
    if len(lines) < 2 * PAGE:
        return [lines] if lines else []
    return [lines[start : start + PAGE] for start in range(0, len(lines), PAGE)]


def _page(lines: list[bytes]) -> bytes:
    stem = _common(lines[0], lines[-1])
    return _END.join([stem, *(line[len(stem) :] for line in lines)])


def _lines(page: bytes) -> list[bytes]:
    stem, *rests = page.split(_END)
    return [stem + rest for rest in rests]


def _common(first: bytes, last: bytes) -> bytes:
    """What both begin with, and so all lines between them."""
    for at, (one, other) in enumerate(zip(first, last, strict=False)):
        if one != other:
            return first[:at]
    return first
