"""The workers of a deployment, each asked by itself although all listen on one socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple

import aiohttp

from server import Server

AT_ONCE, ATTEMPTS = 20, 10
"""Connections that are opened to find all workers: which worker takes one is the operating system's choice."""


class Worker(NamedTuple):
    """One process, by a connection that it accepted."""

    session: aiohttp.ClientSession
    name: str
    """The first part of each request id that it gives."""

    async def get(self, path: str) -> bytes:
        """The body of its answer; raises `aiohttp.ClientError` for one that is no success."""
        name, body = await _ask(self.session, path)
        assert name == self.name, "the connection was closed, and another process took the next one"
        return body


@asynccontextmanager
async def each_worker(server: Server, count: int, path: str) -> AsyncIterator[list[Worker]]:
    """A connection to each of the `count` workers; `path` is what they are asked to tell who they are."""
    found: dict[str, Worker] = {}
    async with AsyncExitStack() as stack:
        for _ in range(ATTEMPTS):
            sessions = [await stack.enter_async_context(_session(server)) for _ in range(AT_ONCE)]
            answers = await asyncio.gather(*(_ask(session, path) for session in sessions))
            found |= {name: Worker(session, name) for session, (name, _) in zip(sessions, answers, strict=True)}
            if len(found) == count:
                yield list(found.values())
                return
    raise RuntimeError(f"Of {count} workers only {len(found)} answered")


def _session(server: Server) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        server.base,
        headers=server.headers,
        connector=aiohttp.TCPConnector(limit=1, keepalive_timeout=600),
        raise_for_status=True,
    )


async def _ask(session: aiohttp.ClientSession, path: str) -> tuple[str, bytes]:
    async with session.get(path) as answer:
        return answer.headers["X-Request-Id"].partition("-")[0], await answer.read()
