"""Shapes on the wire that every list shares."""

from __future__ import annotations

from typing import Annotated, Generic, TypeVar

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
