"""Problem documents: every answer that is not the wished one, as `application/problem+json` (RFC 9457)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from aiohttp import web

from serai.errors import Problem
from serai.web.answer import Answer

Refuse = Callable[[Problem, str], Answer]
"""Makes the answer that a problem becomes, for a request id: `problem_response`, or a foreign protocol's own."""

_WORDS = {
    404: ("not-found", "Not found", "There is nothing at this address"),
    405: (
        "method-not-allowed",
        "Method not allowed",
        "This address does not take this method; Allow names those it does",
    ),
    413: ("body-too-large", "The request body is too large", ""),
    415: ("unsupported-media-type", "The media type is not taken here", ""),
}
"""Slug, title and, where aiohttp's own is of no use, detail of what aiohttp refuses by itself."""

_encode = msgspec.json.Encoder().encode


def problem_response(problem: Problem, request_id: str) -> Answer:
    """The answer that a raised `Problem` becomes."""
    return _response(
        problem.status,
        problem.slug,
        problem.title,
        problem.sentence,
        request_id,
        members={"hint": problem.hint, **problem.members} if problem.hint else problem.members,
        headers=problem.headers,
    )


def http_response(error: web.HTTPException, request_id: str) -> Answer:
    """The answer that one of aiohttp's own errors (404, 405, 413 ...) becomes; its headers (Allow ...) stay.

    What is raised but no error, such as a redirect, stays what it is.
    """
    if error.status < 400:
        answer = Answer(error.status, (error.text or "").encode(), error.headers)
        for cookie in error.cookies.values():
            answer.headers.add("Set-Cookie", cookie.OutputString())
        return answer
    slug, title, detail = _WORDS.get(error.status, (f"http-{error.status}", error.reason, ""))
    said = error.text or ""
    if said and said != f"{error.status}: {error.reason}":
        detail = said
    headers = {name: value for name, value in error.headers.items() if not name.lower().startswith("content-")}
    return _response(error.status, slug, title, detail or title, request_id, members={}, headers=headers)


def _response(
    status: int,
    slug: str,
    title: str,
    detail: str,
    request_id: str,
    *,
    members: Mapping[str, Any],
    headers: Mapping[str, str],
) -> Answer:
    document = {
        "type": f"/-/problems/{slug}",
        "title": title,
        "status": status,
        "detail": detail,
        "request_id": request_id,
        **members,
    }
    return Answer(
        status,
        _encode(document),
        {"Cache-Control": "no-store", **headers, "Content-Type": "application/problem+json"},
    )
