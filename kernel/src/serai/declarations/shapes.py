"""Shapes on the wire that every list shares."""

from __future__ import annotations

from typing import Annotated, Generic, TypeVar

import attrs
from msgspec import Meta, Struct

T = TypeVar("T")


class Page(Struct, Generic[T], frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One page of a list; `next_cursor` is null on the last."""

    items: list[T]
    next_cursor: str | None = None


class PageQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The parameters that every list takes; a list with filters of its own subclasses it."""

    limit: Annotated[int, Meta(ge=1, le=1000, description="How many at the most")] = 50
    cursor: Annotated[str, Meta(max_length=2000, description="`next_cursor` of the page before")] | None = None


@attrs.define
class Encoded(Generic[T]):
    """The JSON of a `T`, ready: what a handler annotated `-> Encoded[Employee]` answers with instead of an `Employee`.

    For hot reads that keep bytes in memory. The kernel sends them as they are; what a caller may not see the handler
    has left out itself.
    """

    body: bytes
    etag: str | None = None
    """The strong entity tag of `body`, quotes included. Where it is not given the kernel makes it from the body, and
    puts it here: an answer that is kept is not hashed again."""
    next_cursor: str | None = None
    """That of the page in `body`, for the `Link` to the next one; None where it is the last, or no page."""
