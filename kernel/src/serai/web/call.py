"""`HttpCall`: one request as a typed handler sees it (`serai.Call`)."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any, TypeVar

import msgspec
from aiohttp import web
from multidict import CIMultiDict

from serai.context import Context, Principal
from serai.declarations import PageQuery
from serai.web.cursors import Cursors

T = TypeVar("T")
_PAGING = frozenset(PageQuery.__struct_fields__)


class HttpCall:
    """The `Call` of a request: made by the binding, lives as long as the request."""

    __slots__ = ("_cursors", "_path", "_template", "ctx", "headers", "request", "who")

    def __init__(
        self,
        request: web.Request,
        who: Principal,
        path: Mapping[str, str],
        ctx: Context,
        cursors: Cursors,
        template: str,
    ) -> None:
        """`path`: the values of the path's parameters; `template`: the route's path below its plugin."""
        self.request = request
        self.ctx = ctx
        self.who = who
        self.headers: MutableMapping[str, str] = CIMultiDict()
        self._path = path
        self._cursors = cursors
        self._template = template

    @property
    def route(self) -> str:
        """The whole template of the route: `/isapi/api/v1/employees/{emplid}`."""
        return f"/{self.ctx.name}{self._template}"

    def get(self, key: type[T]) -> T:
        """What the plugin provided for `key`."""
        return self.ctx.get(key)

    def position(self, query: PageQuery) -> list[Any] | None:
        """Where `query.cursor` says the page before ended; None on the first page."""
        if query.cursor is None:
            return None
        return self._cursors.open(self._bound_to(query), query.cursor)

    def cursor(self, query: PageQuery, position: list[Any] | None) -> str | None:
        """The `next_cursor` of a page that ended at `position`; None for None."""
        if position is None:
            return None
        return self._cursors.make(self._bound_to(query), position)

    def _bound_to(self, query: PageQuery) -> bytes:
        """The plugin, the route, its path's values and the query's filters: what a cursor is good for."""
        filters = {name: getattr(query, name) for name in query.__struct_fields__ if name not in _PAGING}
        return msgspec.json.encode([self.ctx.name, self._template, dict(self._path), filters])
