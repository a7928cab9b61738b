"""Where a request finds who asks, its plugin's context and the cursors."""

from __future__ import annotations

from aiohttp import web

from serai.context import Context, Principal
from serai.web.cursors import Cursors
from serai.work.feed import Feed

PRINCIPAL = web.RequestKey("PRINCIPAL", Principal)
"""Who asks; set on every request before its handler runs."""

CONTEXT: web.AppKey[Context] = web.AppKey("CONTEXT", Context)
"""The context of the plugin whose application this is."""

CURSORS = web.AppKey("CURSORS", Cursors)
"""Signs and opens the cursors of the application's lists."""

FEED = web.AppKey("FEED", Feed)
"""The deployment's feed, which the application's clients follow."""
