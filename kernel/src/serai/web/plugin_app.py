"""The aiohttp application of one plugin, made anew for every start."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
from aiohttp import web

from serai.context import Context
from serai.declarations import Api, PluginInfo
from serai.identity.fields import FieldPolicy
from serai.web.cursors import Cursors
from serai.web.fields import check_fields
from serai.web.keys import CONTEXT, CURSORS
from serai.web.mounts import Site
from serai.web.openapi import document, document_handler
from serai.web.route_table import Access
from serai.web.typed import routes_of


@attrs.frozen(kw_only=True)
class Routes:
    """What of a plugin is mounted."""

    name: str
    version: str
    summary: str
    info: PluginInfo
    apis: Sequence[Api]
    tables: Sequence[web.RouteTableDef]


def build_site(routes: Routes, context: Context, cursors: Cursors, policy: FieldPolicy) -> Site:
    """The plugin's routes on an application, with who may ask each. Raises `PluginError` for one that cannot be."""
    check_fields(routes.name, routes.apis, policy)
    app = web.Application()
    app[CONTEXT] = context
    app[CURSORS] = cursors
    access: dict[Any, Access] = {}
    for api in routes.apis:
        for bound in routes_of(routes.name, api):
            app.router.add_route(bound.method, bound.path, bound.handler)
            access[bound.handler] = Access(permission=bound.route.permission, public=bound.route.public)
    for table in routes.tables:
        app.router.add_routes(table)
    if routes.apis:
        app.router.add_get("/api/openapi.json", document_handler(openapi_of(routes, policy)))
    return Site(app=app, access=access, body_limit=routes.info.body_limit, stopping=context.stopping)


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
