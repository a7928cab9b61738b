"""The kernel's own routes under `/-/`, and `/`: is it alive, is it ready, what does it count, what do problems mean."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import Any

import msgspec
from aiohttp import web

from serai.context import Database
from serai.errors import NotFound, Problem
from serai.hosting.host import Host
from serai.hosting.reports import PluginReport
from serai.telemetry.metrics import CONTENT_TYPE, Metrics
from serai.web.route_table import Access

DATABASE_LIMIT = 2.0
"""Seconds that PostgreSQL has to answer before the process is not ready."""


class Probes:
    """Handlers that look at the host."""

    def __init__(self, host: Host, database: Database, metrics: Metrics) -> None:
        self._host = host
        self._database = database
        self._metrics = metrics

    def attach(self, root: web.Application) -> Mapping[Any, Access]:
        """Add the routes to the root; who may ask them."""
        probe, public, reader = Access(probe=True), Access(public=True), Access(permission="kernel:read")
        access: dict[Any, Access] = {}
        for path, handler, who in (
            ("/", self.home, public),
            ("/-/health/live", self.live, probe),
            ("/-/health/ready", self.ready, probe),
            ("/-/health/ready/{name}", self.plugin_ready, probe),
            ("/-/problems/{slug}", self.problem, public),
            ("/-/metrics", self.metrics, reader),
        ):
            root.router.add_get(path, handler)
            access[handler] = who
        return access

    async def home(self, request: web.Request) -> web.StreamResponse:
        """What serves here."""
        names = [report.plugin for report in self._host.reports if report.status.state.serves]
        plugins = [{"name": name, "openapi": f"/{name}/api/openapi.json"} for name in names]
        return _json({"serai": version("serai"), "plugins": plugins})

    async def live(self, request: web.Request) -> web.StreamResponse:
        """The process answers; nothing else is looked at."""
        return _json({"status": "live"})

    async def ready(self, request: web.Request) -> web.StreamResponse:
        """200 while requests can be served: the database answers, and every plugin that must serve does."""
        reasons = [report.status.reason or report.plugin for report in self._host.fatal]
        if not await self._database_answers():
            reasons.append("the database does not answer")
        plugins = {report.plugin: str(report.status.state) for report in self._host.reports}
        status = "not ready" if reasons else "ready"
        return _json({"status": status, "reasons": reasons, "plugins": plugins}, status=503 if reasons else 200)

    async def plugin_ready(self, request: web.Request) -> web.StreamResponse:
        """200 while this plugin serves in this process."""
        name = request.match_info["name"]
        report = next((report for report in self._host.reports if report.plugin == name), None)
        if report is None:
            raise NotFound(f"no plugin named {name} is enabled")
        return _json(_shown(report), status=200 if report.status.state.serves else 503)

    async def problem(self, request: web.Request) -> web.StreamResponse:
        """What a problem's `type` means."""
        slug = request.match_info["slug"]
        for problem in _problems(Problem):
            if problem.slug == slug:
                meaning = " ".join((problem.__doc__ or "").split())
                return _json({"slug": slug, "status": problem.status, "title": problem.title, "meaning": meaning})
        raise NotFound(f"no problem is called {slug}")

    async def metrics(self, request: web.Request) -> web.StreamResponse:
        """Everything counted, in Prometheus' text format."""
        return web.Response(body=self._metrics.text(), headers={"Content-Type": CONTENT_TYPE})

    async def _database_answers(self) -> bool:
        try:
            async with asyncio.timeout(DATABASE_LIMIT), self._database.raw() as connection:
                await connection.fetchval("select 1")
        except Exception:  # noqa: BLE001  whatever it is, the answer is no
            return False
        return True


def _json(value: Any, *, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), status=status, content_type="application/json")


def _shown(report: PluginReport) -> dict[str, Any]:
    status = report.status
    return {
        "name": report.plugin,
        "version": report.version,
        "state": str(status.state),
        "since": status.since,
        "reason_code": str(status.code),
        "reason": status.reason,
        "hint": status.hint,
    }


def _problems(kind: type[Problem]) -> Iterator[type[Problem]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _problems(child)
