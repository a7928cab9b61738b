"""`Traffic`: what one plugin has in flight, and how that is brought to an end."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import attrs
from aiohttp import WSCloseCode, web

CUT_LIMIT = 5.0
"""Seconds that cancelled requests have for their own cleaning up."""


@attrs.frozen(kw_only=True)
class DrainReport:
    """How a plugin's requests came to an end."""

    finished: int = 0
    """Requests that ended within the grace time, sockets and streams too."""
    cut: int = 0
    """Requests that were cancelled when the grace time was over."""
    stuck: int = 0
    """Those of them that ignored even that, and still run."""
    sockets: int = 0
    """WebSockets that were closed with 1012 (service restart, RFC 6455 registry)."""
    error: str = ""
    """What went wrong when the plugin's application cleaned up."""


class Traffic:
    """A plugin as the web floor sees it: its limits, and its requests in flight.

    The kernel's own routes have theirs too, which is never asked to leave.
    """

    def __init__(self, name: str, *, body_limit: int) -> None:
        self.name = name
        self.body_limit = body_limit
        self.leaving = False
        """Withdrawn: no request may begin any more."""
        self.cutting = False
        """The grace time is over: what still runs is being cancelled."""
        self.running: dict[asyncio.Task[Any], web.StreamResponse | None] = {}
        """Each request's task, with the stream or socket that its handler has begun to answer with."""

    async def drain(self, grace: float) -> DrainReport:
        """Bring every request to its end: by itself within `grace` seconds, or cancelled after them."""
        self.leaving = True
        requests = set(self.running)
        sockets = [began for began in self.running.values() if isinstance(began, web.WebSocketResponse)]
        if not requests:
            return DrainReport()
        closing = {asyncio.create_task(_close(socket)) for socket in sockets}
        _, late = await asyncio.wait(requests | closing, timeout=grace)
        self.cutting = True
        for task in late:
            task.cancel()
        stuck = (await asyncio.wait(late, timeout=CUT_LIMIT))[1] if late else set()
        cut = len(late & requests)
        return DrainReport(finished=len(requests) - cut, cut=cut, stuck=len(stuck), sockets=len(sockets))


async def _close(socket: web.WebSocketResponse) -> None:
    with suppress(TimeoutError):
        await socket.close(code=WSCloseCode.SERVICE_RESTART, message=b"the plugin is stopping")
