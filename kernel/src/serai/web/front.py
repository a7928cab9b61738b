"""`Front`: answers reads of typed routes before aiohttp's own routing, which costs more than all the kernel does.

A request that it does not take goes aiohttp's way and comes to the same `Duties` and the same handler; only the time
differs. It takes GET and HEAD of typed routes that answer JSON, asked in the plain way: no percent-encoding in the
path, no `Expect`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import NamedTuple

from aiohttp import hdrs, web
from aiohttp.web_request import BaseRequest

from serai.context import Principal
from serai.web.path_table import PathTable
from serai.web.route_table import Duty

Respond = Callable[[Mapping[str, str], web.Request, Principal], Awaitable[web.StreamResponse]]
"""Answers, with an `Answer`, somebody's request whose path has these parameters."""
Serve = Callable[
    [web.Request, Duty, Callable[[web.Request, Principal], Awaitable[web.StreamResponse]]],
    Awaitable[web.StreamResponse],
]
"""`Duties.serve`."""


class DirectRoute(NamedTuple):
    """A typed route as the front answers it."""

    duty: Duty
    respond: Respond


class Front:
    """Stands before the application of one server."""

    def __init__(self, paths: PathTable[DirectRoute], serve: Serve) -> None:
        self._paths = paths
        self._serve = serve

    def stand_before(self, server: web.Server) -> None:
        """Take every request of the server first; connections made before are not changed."""
        application = server.request_handler

        async def handle(request: BaseRequest) -> web.StreamResponse:
            found = self._paths.find(request.method, request.rel_url.raw_path)
            if found is None or hdrs.EXPECT in request.headers:
                return await application(request)
            assert isinstance(request, web.Request)
            duty, respond = found.route
            return await self._serve(request, duty, partial(respond, found.values))

        server.request_handler = handle
