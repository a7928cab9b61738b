"""Mounts the kernel's own typed routes under `/-/api/v1`, with their OpenAPI document at `/-/api/openapi.json`."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from aiohttp import web

from serai.app.api import client_requests, clients, disclosures, plugins, webhooks
from serai.context import Context
from serai.identity.fields import FieldPolicy
from serai.web.cursors import Cursors
from serai.web.keys import CONTEXT, CURSORS
from serai.web.openapi import document, document_handler
from serai.web.plugin_app import access_of, add_apis
from serai.web.route_table import Access

KERNEL = "kernel"
"""The kernel's name where plugins have theirs: in its permissions, metrics and messages."""

APIS = (plugins.api, clients.api, client_requests.api, disclosures.api, webhooks.api)
"""All of it; what they need besides the database is provided to the kernel's `Context`."""


def add_kernel_api(root: web.Application, context: Context, cursors: Cursors) -> Mapping[Any, Access]:
    """Add the routes to the root, where the kernel's middleware serves them; who may ask each."""
    root[CONTEXT] = context
    root[CURSORS] = cursors
    bound = add_apis(root, KERNEL, APIS, prefix="/-")
    root.router.add_get("/-/api/openapi.json", document_handler(openapi()))
    return access_of(bound)


def openapi() -> dict[str, Any]:
    """The OpenAPI 3.1 document of the kernel's own routes."""
    return document(
        name="-",
        title="Serai",
        version=version("serai"),
        summary="The kernel's own routes",
        apis=APIS,
        policy=FieldPolicy(),
    )
