"""Binds typed routes to aiohttp: decode, validate, call, encode."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, NamedTuple, cast

from aiohttp import web
from msgspec import Struct, defstruct, structs

from serai.declarations import Api, Encoded, Route
from serai.errors import Invalid, Mistake, PluginError
from serai.identity.marks import marks_of, may_hold_personal
from serai.web.bodies import Body
from serai.web.call import HttpCall
from serai.web.encoding import answer
from serai.web.fields import redacted, refuse_unseen
from serai.web.parameters import Parameters, decoded, query_pairs
from serai.web.signature import gives_json, signature_of

MOST_MISTAKES = 100
"""So many are told of one request."""

_PLACEHOLDER = re.compile(r"\{[^}]*\}")

HttpHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class BoundRoute(NamedTuple):
    """A route ready to be added to a plugin's application: `router.add_route(method, path, handler)`."""

    method: str
    path: str
    """Below the plugin: `/api/v1/employees/{emplid}`."""
    handler: HttpHandler
    route: Route


def routes_of(plugin: str, api: Api) -> list[BoundRoute]:
    """The routes of an API, bound; HEAD beside every GET.

    Raises `PluginError` where a handler cannot be bound or two routes answer the same.
    """
    taken: dict[str, Route] = {}
    for route in api.routes:
        shape = _PLACEHOLDER.sub("{}", f"{route.method} {route.path}")
        for key in (shape, route.operation):
            other = taken.setdefault(key, route)
            if other is not route:
                raise PluginError(
                    f"{plugin}: {_named(route)} collides with {_named(other)}",
                    hint="a method and path, and a handler's name, belong to one route of an API",
                )
    return list(_bound(plugin, api))


def _bound(plugin: str, api: Api) -> Iterator[BoundRoute]:
    for route in api.routes:
        path = f"/api/v{api.version}{route.path}"
        handler = bind(plugin, route, path)
        if route.method == "GET":
            yield BoundRoute("HEAD", path, handler, route)
        yield BoundRoute(route.method, path, handler, route)


def bind(plugin: str, route: Route, template: str) -> HttpHandler:
    """The aiohttp handler of a route that is mounted at `template` below the plugin."""
    return _Binding(plugin, route, template).handle


class _Binding:
    """A route's handler between a request and its answer."""

    def __init__(self, plugin: str, route: Route, template: str) -> None:
        signature = signature_of(plugin, route)
        self._handler = route.handler
        self._template = template
        self._path = Parameters(_shape(signature.path), under=("path",)) if signature.path else None
        self._query = Parameters(signature.query)
        self._takes_query = signature.takes_query
        self._body = None if signature.body is None else Body(signature.body)
        self._answers_itself = signature.returns is web.StreamResponse
        self._gives_nothing = signature.returns is None
        self._may_be_personal = gives_json(signature) and may_hold_personal(signature.returns)
        self._asks_personal = bool(marks_of(signature.query).personal)
        self._status = signature.status(route)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request; raises the `Problem`s that the fused middleware turns into documents."""
        arguments = await self._arguments(request)
        call = HttpCall(request, self._template)
        if self._asks_personal:
            refuse_unseen(call, arguments["query"])
        value = await self._handler(call=call, **arguments)
        if self._answers_itself:
            return cast(web.StreamResponse, value)
        if (value is None) is not self._gives_nothing:
            raise TypeError(f"{self._handler.__qualname__} returned {type(value).__name__}, unlike its annotation")
        if self._may_be_personal and not isinstance(value, Encoded):
            value = await redacted(call, value)
        return answer(call, value, self._status)

    async def _arguments(self, request: web.Request) -> dict[str, Any]:
        """What the handler is called with; raises one `Invalid` with the mistakes of path, query and body."""
        arguments: dict[str, Any] = {}
        mistakes: list[Mistake] = []
        if self._path is not None:
            try:
                arguments = structs.asdict(self._path.read(_path_pairs(request)))
            except Invalid as invalid:
                mistakes += invalid.mistakes
        raw_query = request.rel_url.raw_query_string
        if raw_query or self._takes_query:
            try:
                query = self._query.read(query_pairs(raw_query))
                if self._takes_query:
                    arguments["query"] = query
            except Invalid as invalid:
                mistakes += invalid.mistakes
        if self._body is not None:
            try:
                arguments["body"] = await self._body.read(request)
            except Invalid as invalid:
                mistakes += invalid.mistakes
        elif request.body_exists:
            mistakes.append(Mistake((), "no body", "a body"))
        if len(mistakes) > MOST_MISTAKES:
            raise Invalid(
                mistakes[:MOST_MISTAKES], f"The first {MOST_MISTAKES} of {len(mistakes)} mistakes in the request"
            )
        if mistakes:
            raise Invalid(mistakes)
        return arguments


def _named(route: Route) -> str:
    return f"{route.operation} ({route.method} {route.path})"


def _shape(fields: dict[str, Any]) -> type[Struct]:
    return defstruct("Path", list(fields.items()), frozen=True, kw_only=True, forbid_unknown_fields=True)


def _path_pairs(request: web.Request) -> Iterator[tuple[str, str | None]]:
    well_encoded = decoded(request.rel_url.raw_path) is not None
    for name, text in request.match_info.items():
        yield name, text if well_encoded else None
