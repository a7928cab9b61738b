"""Binds typed routes to aiohttp: decode, validate, call, encode."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, NamedTuple, cast

from aiohttp import web
from msgspec import Struct, defstruct, structs

from serai.context import Context, Principal
from serai.declarations import Api, Encoded, FeedRoute, Route
from serai.errors import Invalid, Mistake, PluginError
from serai.identity.marks import marks_of, may_hold_personal
from serai.web.bodies import Body
from serai.web.call import HttpCall
from serai.web.cursors import Cursors
from serai.web.disclosing import note_disclosure
from serai.web.encoding import answer
from serai.web.feeds import FeedBinding
from serai.web.fields import redacted, refuse_unseen
from serai.web.keys import CONTEXT, CURSORS, PRINCIPAL
from serai.web.parameters import Parameters, decoded, query_pairs
from serai.web.signature import gives_json, signature_of

MOST_MISTAKES = 100
"""So many are told of one request."""

_PLACEHOLDER = re.compile(r"\{[^}]*\}")

HttpHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Responder = Callable[[Context, Cursors, Mapping[str, str], web.Request, Principal], Awaitable[web.StreamResponse]]
"""With the context and the cursors of a plugin, answers somebody's request whose path has these parameters."""


class BoundRoute(NamedTuple):
    """A route ready to be added to a plugin's application: `router.add_route(method, path, handler)`."""

    method: str
    path: str
    """Below the plugin: `/api/v1/employees/{emplid}`."""
    handler: HttpHandler
    route: Route | FeedRoute
    respond: Responder
    """What `handler` does, for who knows already what aiohttp's router would find."""
    answers: bool
    """Whether it gives an `Answer`, not some other response that its handler makes itself."""


def routes_of(plugin: str, api: Api) -> list[BoundRoute]:
    """The routes of an API, bound; HEAD beside every GET.

    Raises `PluginError` where a handler cannot be bound or two routes answer the same.
    """
    taken: dict[str, Route | FeedRoute] = {}
    routes: list[Route | FeedRoute] = [*api.routes, *api.feeds]
    for route in routes:
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
        binding = _Binding(plugin, route, path)
        methods = ("HEAD", "GET") if route.method == "GET" else (route.method,)
        for method in methods:
            yield BoundRoute(method, path, binding.handle, route, binding.respond, binding.answers)
    for feed in api.feeds:
        path = f"/api/v{api.version}{feed.path}"
        following = FeedBinding(plugin, api, feed)
        yield BoundRoute(feed.method, path, following.handle, feed, following.respond, answers=False)


class _Binding:
    """A route's handler between a request and its answer."""

    def __init__(self, plugin: str, route: Route, template: str) -> None:
        signature = signature_of(plugin, route)
        self._handler = route.handler
        self._template = template
        self._path = Parameters(_shape(signature.path), under=("path",)) if signature.path else None
        self._path_holds_any_text = all(type_ is str for type_ in signature.path.values())
        self._query = Parameters(signature.query)
        self._takes_query = signature.takes_query
        self._body = None if signature.body is None else Body(signature.body)
        self.answers = signature.returns is not web.StreamResponse
        self._gives_nothing = signature.returns is None
        self._may_be_personal = gives_json(signature) and may_hold_personal(signature.returns)
        self._asks_personal = bool(marks_of(signature.query).personal)
        self._status = signature.status(route)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request that aiohttp's router has brought here."""
        app = request.app
        return await self.respond(app[CONTEXT], app[CURSORS], request.match_info, request, request[PRINCIPAL])

    async def respond(
        self, ctx: Context, cursors: Cursors, path: Mapping[str, str], request: web.Request, who: Principal
    ) -> web.StreamResponse:
        """Answer one request; raises the `Problem`s that `Duties` turns into documents."""
        arguments = await self._arguments(request, path)
        call = HttpCall(request, who, path, ctx, cursors, self._template)
        if self._asks_personal:
            refuse_unseen(call, arguments["query"])
        value = await self._handler(call=call, **arguments)
        if not self.answers:
            return cast(web.StreamResponse, value)
        if (value is None) is not self._gives_nothing:
            raise TypeError(f"{self._handler.__qualname__} returned {type(value).__name__}, unlike its annotation")
        if self._may_be_personal and not isinstance(value, Encoded):
            seen = await redacted(call, value)
            note_disclosure(call, call.route, seen)
            value = seen.value
        return answer(call, value, self._status)

    async def _arguments(self, request: web.Request, path: Mapping[str, str]) -> dict[str, Any]:
        """What the handler is called with; raises one `Invalid` with the mistakes of path, query and body."""
        arguments: dict[str, Any] = {}
        mistakes: list[Mistake] = []
        if self._path is not None:
            try:
                if self._path_holds_any_text and _is_plain(request.rel_url.raw_path):
                    arguments.update(path)
                else:
                    arguments.update(structs.asdict(self._path.read(_path_pairs(request, path))))
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


def _named(route: Route | FeedRoute) -> str:
    return f"{route.operation} ({route.method} {route.path})"


def _shape(fields: dict[str, Any]) -> type[Struct]:
    return defstruct("Path", list(fields.items()), frozen=True, kw_only=True, forbid_unknown_fields=True)


def _is_plain(path: str) -> bool:
    """Whether a path holds nothing that must be decoded, nor the U+0000 that only an escape can bring."""
    return "%" not in path and path.isascii()


def _path_pairs(request: web.Request, path: Mapping[str, str]) -> Iterator[tuple[str, str | None]]:
    well_encoded = decoded(request.rel_url.raw_path) is not None
    for name, text in path.items():
        yield name, text if well_encoded else None
