"""Typed keys under which requests carry what the kernel found out about them."""

from __future__ import annotations

from aiohttp import web

from serai.context import Principal

PRINCIPAL: web.RequestKey[Principal] = web.RequestKey("principal", Principal)
"""Who asks; set before any handler runs."""
