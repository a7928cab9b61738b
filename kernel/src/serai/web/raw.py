"""Binds a `Mount` to aiohttp: the request as plain values, the answer from plain values."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from serai.context import Context
from serai.declarations import Mount, RawAnswer, RawRequest
from serai.errors import Problem
from serai.web.answer import Answer
from serai.web.call import HttpCall
from serai.web.cursors import Cursors
from serai.web.keys import PRINCIPAL
from serai.web.limits import BodyTooLarge
from serai.web.problems import Refuse, problem_response

BELOW = "{path:(/.*)?}"
"""The part of a mount's route that stands for everything below it, and for itself."""


def raw_handler(
    mount: Mount, context: Context, cursors: Cursors, public_url: str | None
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The aiohttp handler of a mount; `public_url` is how clients reach us, None where their requests say it."""
    place = f"/{context.name}{mount.path}"

    async def handle(request: web.Request) -> web.StreamResponse:
        call = HttpCall(request, request[PRINCIPAL], request.match_info, context, cursors, mount.path)
        origin = public_url or f"{request.scheme}://{request.host}"
        answer = await mount.handler(call, await _read(request, origin.rstrip("/") + place))
        return _response(answer, call.headers)

    return handle


def refusal_of(mount: Mount) -> Refuse:
    """How problems are said to those who ask the mount."""
    refuse = mount.refuse
    if refuse is None:
        return problem_response

    def respond(problem: Problem, _request_id: str) -> Answer:
        return _response(refuse(problem), problem.headers)

    return respond


async def _read(request: web.Request, root: str) -> RawRequest:
    try:
        body = await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise BodyTooLarge("The body is larger than what is taken here") from None
    return RawRequest(
        method=request.method,
        root=root,
        path=request.match_info["path"],
        query=request.rel_url.raw_query_string,
        headers=request.headers,
        body=body,
    )


def _response(answer: RawAnswer, more: Mapping[str, str]) -> Answer:
    return Answer(answer.status, answer.body, {**more, **answer.headers})
