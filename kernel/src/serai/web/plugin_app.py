"""The aiohttp application of one plugin, made anew for every start; the kernel's own routes are added alike."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import attrs
from aiohttp import web

from serai.context import Context
from serai.declarations import Api, Mount, PluginInfo
from serai.identity.fields import FieldPolicy
from serai.web.cursors import Cursors
from serai.web.fields import check_fields
from serai.web.keys import CONTEXT, CURSORS, FEED
from serai.web.mounts import Site
from serai.web.openapi import document, document_handler
from serai.web.raw import BELOW, raw_handler, refusal_of
from serai.web.route_table import Access
from serai.web.typed import BoundRoute, routes_of
from serai.work.feed import Feed


@attrs.frozen(kw_only=True)
class Routes:
    """What of a plugin is mounted."""

    name: str
    version: str
    summary: str
    info: PluginInfo
    apis: Sequence[Api]
    tables: Sequence[web.RouteTableDef]
    mounts: Sequence[Mount] = ()


def build_site(
    routes: Routes, context: Context, cursors: Cursors, policy: FieldPolicy, feed: Feed, public_url: str | None = None
) -> Site:
    """The plugin's routes on an application, with who may ask each. Raises `PluginError` for one that cannot be."""
    check_fields(routes.name, routes.apis, policy)
    app = web.Application()
    app[CONTEXT] = context
    app[CURSORS] = cursors
    app[FEED] = feed
    bound = add_apis(app, routes.name, routes.apis)
    access = access_of(bound)
    for mount in routes.mounts:
        handler = raw_handler(mount, context, cursors, public_url)
        app.router.add_route("*", mount.path + BELOW, handler)
        access[handler] = Access(permission=mount.permission, public=mount.public, refuse=refusal_of(mount))
    for table in routes.tables:
        app.router.add_routes(table)
    if routes.apis:
        app.router.add_get("/api/openapi.json", document_handler(openapi_of(routes, policy)))
    return Site(
        app=app,
        access=access,
        direct={one.handler: partial(one.respond, context, cursors) for one in bound if one.answers},
        body_limit=routes.info.body_limit,
        stopping=context.stopping,
    )


def add_apis(app: web.Application, name: str, apis: Sequence[Api], *, prefix: str = "") -> list[BoundRoute]:
    """Add typed routes under `prefix`. Raises `PluginError`, which names `name`, where one cannot be.

    The application has a `CONTEXT` and `CURSORS`.
    """
    bound = [one for api in apis for one in routes_of(name, api)]
    for one in bound:
        app.router.add_route(one.method, prefix + one.path, one.handler)
    return bound


def access_of(bound: Sequence[BoundRoute]) -> dict[Any, Access]:
    """Who may ask each of these handlers."""
    return {one.handler: Access(permission=one.route.permission, public=one.route.public) for one in bound}


def openapi_of(routes: Routes, policy: FieldPolicy) -> dict[str, Any]:
    """The plugin's OpenAPI 3.1 document."""
    return document(
        name=routes.name,
        title=routes.info.title,
        version=routes.version,
        summary=routes.summary,
        apis=routes.apis,
        policy=policy,
    )
