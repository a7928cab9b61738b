"""Binds a `Mount` to aiohttp: the request as plain values, the answer from plain values."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from serai.declarations import Mount, RawAnswer, RawRequest
from serai.errors import Problem
from serai.web.call import HttpCall
from serai.web.keys import PUBLIC_URL
from serai.web.limits import BodyTooLarge
from serai.web.problems import Refuse, problem_response

BELOW = "{path:(/.*)?}"
"""The part of a mount's route that stands for everything below it, and for itself."""


def raw_handler(mount: Mount) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The aiohttp handler of a mount."""

    async def handle(request: web.Request) -> web.StreamResponse:
        call = HttpCall(request, mount.path)
        answer = await mount.handler(call, await _read(request, f"/{call.ctx.name}{mount.path}"))
        return _response(answer, call.headers)

    return handle


def refusal_of(mount: Mount) -> Refuse:
    """How problems are said to those who ask the mount."""
    refuse = mount.refuse
    if refuse is None:
        return problem_response

    def respond(problem: Problem, _request_id: str) -> web.Response:
        return _response(refuse(problem), problem.headers)

    return respond


async def _read(request: web.Request, mounted_at: str) -> RawRequest:
    try:
        body = await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise BodyTooLarge("The body is larger than what is taken here") from None
    origin = request.app[PUBLIC_URL] or f"{request.scheme}://{request.host}"
    return RawRequest(
        method=request.method,
        root=f"{origin.rstrip('/')}{mounted_at}",
        path=request.match_info["path"],
        query=request.rel_url.raw_query_string,
        headers=request.headers,
        body=body,
    )


def _response(answer: RawAnswer, more: Mapping[str, str]) -> web.Response:
    return web.Response(status=answer.status, body=answer.body, headers={**more, **answer.headers})
