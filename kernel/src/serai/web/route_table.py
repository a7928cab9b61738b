"""`RouteTable`: what the kernel does for each route, prepared when the route is mounted and found by one look-up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import attrs
from aiohttp import web

from serai.web.problems import Refuse, problem_response
from serai.web.traffic import Traffic


class RouteMeter(Protocol):
    """Counts one route's answers."""

    def observe(self, status: int, seconds: float) -> None: ...


class Metrics(Protocol):
    """Where the meters of routes come from."""

    def route(self, plugin: str, template: str, method: str) -> RouteMeter: ...


@attrs.frozen(kw_only=True)
class Access:
    """Who may ask a route; with nothing set, everyone who is authenticated."""

    permission: str | None = None
    """Only who holds this permission."""
    public: bool = False
    """Everyone; a key is checked where one is sent."""
    probe: bool = False
    """Everyone, under any Host, without a limit, and nobody is looked up: for load balancers and monitors, which must
    get an answer while the database is away."""
    refuse: Refuse = problem_response
    """How a problem is said to those who ask it."""


_ANY_PRINCIPAL = Access()
_PUBLIC = Access(public=True)


@attrs.frozen
class Duty:
    """What the kernel does for one route."""

    traffic: Traffic
    template: str
    """The route's path with its parameters' names in place of values: all that logs and metrics say about it."""
    permission: str | None
    public: bool
    probe: bool
    refuse: Refuse
    meter: RouteMeter


class RouteTable:
    """The duties of every route that can be reached, of the kernel and of each mounted plugin."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._by_route: dict[web.AbstractRoute, Duty] = {}
        # Weak: a request may have been routed into an application just before that left.
        self._unmatched: WeakKeyDictionary[web.Application, Duty] = WeakKeyDictionary()

    def enter(self, app: web.Application, traffic: Traffic, access: Mapping[Any, Access]) -> None:
        """Prepare every route of an application; `access` has those of its handlers that state who may ask them."""
        for route in app.router.routes():
            template = route.resource.canonical if route.resource is not None else ""
            stated = access.get(route.handler, _ANY_PRINCIPAL)
            self._by_route[route] = self._duty(traffic, template, route.method, stated)
        self._unmatched[app] = self._duty(traffic, _below(traffic), "*", _PUBLIC)

    def enter_stand_in(self, route: web.AbstractRoute, traffic: Traffic) -> None:
        """Prepare the one route that answers everything below a plugin's name."""
        self._by_route[route] = self._duty(traffic, _below(traffic), "*", _PUBLIC)

    def leave(self, traffic: Traffic) -> None:
        """Forget a plugin's routes."""
        self._by_route = {route: duty for route, duty in self._by_route.items() if duty.traffic is not traffic}

    def of(self, route: web.AbstractRoute) -> Duty:
        """The duty of a route that was entered."""
        return self._by_route[route]

    def find(self, match: web.UrlMappingMatchInfo) -> Duty:
        """The duty of the route that a request was matched to, or of none (404, 405) in the application it came to."""
        return self._by_route.get(match.route) or self._find_unmatched(match)

    def _find_unmatched(self, match: web.UrlMappingMatchInfo) -> Duty:
        root, *mounted = match.apps
        return self._unmatched[mounted[0] if mounted else root]

    def _duty(self, traffic: Traffic, template: str, method: str, access: Access) -> Duty:
        meter = self._metrics.route(traffic.name, template, method)
        return Duty(traffic, template, access.permission, access.public, access.probe, access.refuse, meter)


def _below(traffic: Traffic) -> str:
    """The template of all paths of a plugin that are no route's."""
    return "/*" if traffic.name == "kernel" else f"/{traffic.name}/*"
