"""`Mounts`: plugins come and go under `/{name}` while the server runs.

aiohttp freezes its routes when the server starts, so the root has one resource of ours, which asks a dictionary for the
application that owns the path's first segment. What aiohttp keeps of a plugin that has left: `web.Application` caches
up to 1,024 handlers with their middlewares, and an idle connection the last request it served. Both let go in time, so
a plugin's application must hold nothing heavy that its cleanup does not drop.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from time import monotonic
from typing import Any

import attrs
from aiohttp import web
from yarl import URL

from serai.errors import PluginError, Unavailable
from serai.web.front import DirectRoute, Respond
from serai.web.path_table import PathTable
from serai.web.route_table import Access, RouteTable
from serai.web.traffic import DrainReport, Traffic

Resolved = tuple[web.UrlMappingMatchInfo | None, set[str]]
Resolver = Callable[[web.Request], Awaitable[Resolved]]


@attrs.frozen(kw_only=True)
class Site:
    """What a plugin is mounted with, made anew for every start."""

    app: web.Application
    """The plugin's routes, relative to `/{name}`."""
    access: Mapping[Any, Access]
    """Who may ask which handler; a handler that is not here answers every authenticated principal."""
    body_limit: int
    """The largest request body, in bytes."""
    stopping: asyncio.Event
    """Set when the plugin is withdrawn: event streams and long loops end when they see it."""
    direct: Mapping[Any, Respond] = attrs.Factory(dict)
    """What the front calls in place of a handler that is a key here."""


@attrs.frozen(kw_only=True)
class StandIn:
    """What an enabled plugin answers while it does not serve."""

    state: str
    reason: str
    hint: str = ""
    retry_after: int = 5
    """Seconds after which asking again may help."""


class NotServing(Unavailable):
    """The plugin is enabled but does not serve just now: `state` and `reason` say why."""

    slug = "plugin-not-serving"
    title = "The plugin does not serve just now"

    def __init__(self, plugin: str, answer: StandIn) -> None:
        super().__init__(
            f"{plugin} is {answer.state}: {answer.reason}",
            hint=answer.hint,
            headers={"Retry-After": str(answer.retry_after)},
            members={"plugin": plugin, "state": answer.state, "reason": answer.reason},
        )


@attrs.frozen
class _Mounted:
    traffic: Traffic
    runner: web.AppRunner
    stopping: asyncio.Event


class Mounts:
    """The plugins of one server. To publish or withdraw is one assignment: no request sees a state between."""

    def __init__(self, table: RouteTable, *, shutdown_grace: float) -> None:
        self.paths: PathTable[DirectRoute] = PathTable()
        """Of the plugins that serve, for the front."""
        self._table = table
        self._shutdown_grace = shutdown_grace
        self._resolvers: dict[str, Resolver] = {}
        self._mounted: dict[str, _Mounted] = {}
        self._stand_ins: dict[str, Traffic] = {}
        self._live = _LiveResource(self._resolvers)

    def attach(self, root: web.Application) -> None:
        """Make a root application, not yet started, answer under the plugins' names; its shutdown withdraws them all.

        The root must have the kernel's middleware: without any, aiohttp skips the middlewares of plugins as well.
        """
        root.router.register_resource(self._live)
        root.on_shutdown.append(self._withdraw_all)

    async def publish(self, name: str, site: Site, *, start_limit: float) -> None:
        """Start the plugin's application and mount it; it has `start_limit` seconds to start.

        Raises `PluginError`, or what the application's start raised; nothing is mounted then.
        """
        if name in self._mounted:
            raise PluginError(f"{name} is mounted already", hint="withdraw it first")
        if site.app.pre_frozen:
            raise PluginError(
                f"{name} was to be mounted with an application that was mounted before",
                hint="make a new web.Application for every start",
            )
        resource = web.PrefixedSubAppResource(f"/{name}", site.app)
        site.app.pre_freeze()
        runner = web.AppRunner(site.app)
        try:
            await _start(name, runner, start_limit)
        except BaseException:
            await _clean_up(runner, start_limit)
            raise
        traffic = Traffic(name, body_limit=site.body_limit)
        self.forget(name)
        self._table.enter(site.app, traffic, site.access)
        self._mounted[name] = _Mounted(traffic, runner, site.stopping)
        self._resolvers[name] = resource.resolve
        self.paths.publish(name, self._direct_routes(name, site))

    async def withdraw(self, name: str, grace: float) -> DrainReport:
        """Take the plugin from the routes at once, then end its requests, within `grace` seconds or by cancelling.

        New requests are answered 503 `draining` from the first moment on, until `stand_in` or `forget` says otherwise.
        """
        mounted = self._mounted.pop(name, None)
        if mounted is None:
            raise PluginError(f"{name} is not mounted")
        self.paths.withdraw(name)
        self.stand_in(name, draining(grace))
        mounted.stopping.set()
        report = await mounted.traffic.drain(grace)
        error = await _clean_up(mounted.runner, max(grace, 1.0))
        self._table.leave(mounted.traffic)
        return attrs.evolve(report, error=error)

    def stand_in(self, name: str, answer: StandIn) -> None:
        """Answer 503 with this under `/{name}`: the plugin is enabled but does not serve."""
        if name in self._mounted:
            raise PluginError(f"{name} serves; nothing can stand in for it", hint="withdraw it first")
        self.forget(name)
        traffic = Traffic(name, body_limit=sys.maxsize)  # no body is read, and 503 says more than 413

        async def refuse(request: web.Request) -> web.StreamResponse:
            raise NotServing(name, answer)

        async def resolve(request: web.Request) -> Resolved:
            return web.UrlMappingMatchInfo({}, route), set()

        route = web.ResourceRoute("*", refuse, self._live)
        self._table.enter_stand_in(route, traffic)
        self._stand_ins[name] = traffic
        self._resolvers[name] = resolve

    def forget(self, name: str) -> None:
        """Answer 404 under `/{name}` where something stood in: the plugin is disabled."""
        traffic = self._stand_ins.pop(name, None)
        if traffic is not None:
            del self._resolvers[name]
            self._table.leave(traffic)

    def _direct_routes(self, name: str, site: Site) -> dict[tuple[str, str], DirectRoute]:
        """The routes that the front may answer, by method and template below the plugin."""
        routes = {}
        for route in site.app.router.routes():
            respond = site.direct.get(route.handler)
            if respond is not None and route.resource is not None and route.method in {"GET", "HEAD"}:
                template = route.resource.canonical.removeprefix(f"/{name}")
                routes[route.method, template] = DirectRoute(self._table.of(route), respond)
        return routes

    async def _withdraw_all(self, _root: web.Application) -> None:
        """Withdraw every plugin, the last mounted first; the grace time is for all of them together."""
        deadline = monotonic() + self._shutdown_grace
        for name in reversed(list(self._mounted)):
            await self.withdraw(name, max(0.0, deadline - monotonic()))


def draining(grace: float) -> StandIn:
    """What a plugin answers while its last requests end."""
    return StandIn(state="draining", reason="it is being stopped", retry_after=max(1, round(grace)))


async def _start(name: str, runner: web.AppRunner, limit: float) -> None:
    try:
        async with asyncio.timeout(limit) as timeout:
            await runner.setup()
    except TimeoutError:
        if not timeout.expired():
            raise
        raise PluginError(f"The application of {name} did not start within {limit:g} s") from None


async def _clean_up(runner: web.AppRunner, limit: float) -> str:
    """Run the application's cleanup; what went wrong in it, as a text."""
    try:
        async with asyncio.timeout(limit) as timeout:
            await runner.cleanup()
    except Exception as error:  # noqa: BLE001  a guest may fail at leaving too, the others go on
        if timeout.expired():
            return f"the cleanup did not end within {limit:g} s"
        return f"{type(error).__name__}: {error}"
    return ""


class _LiveResource(web.AbstractResource):
    """The one resource of the root under which everything else is found when it is asked for."""

    def __init__(self, resolvers: Mapping[str, Resolver]) -> None:
        super().__init__()
        self._resolvers = resolvers

    @property
    def canonical(self) -> str:
        """The root: aiohttp asks this resource after all that are more particular."""
        return ""

    async def resolve(self, request: web.Request) -> Resolved:
        """Hand over to whoever has the first segment of the decoded path."""
        name = request.rel_url.path_safe.partition("/")[2].partition("/")[0]
        resolver = self._resolvers.get(name)
        if resolver is None:
            return None, set()
        return await resolver(request)

    def add_prefix(self, prefix: str) -> None:
        raise RuntimeError("plugins are mounted on the root only")

    def url_for(self, **kwargs: str) -> URL:
        raise RuntimeError("a plugin's own application makes its URLs")

    def get_info(self) -> Any:
        return {"path": "/{plugin}"}

    def raw_match(self, path: str) -> bool:
        return False

    def __len__(self) -> int:
        return 0

    def __iter__(self) -> Iterator[web.AbstractRoute]:
        return iter(())
