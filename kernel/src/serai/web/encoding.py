"""Answers of typed handlers: JSON by msgspec, strong ETags, 304, `Link` to the next page."""

from __future__ import annotations

from collections.abc import MutableMapping
from hashlib import blake2b
from typing import Any

import msgspec
from aiohttp import web
from multidict import istr

from serai.declarations import Encoded, Page
from serai.web.answer import Answer
from serai.web.call import HttpCall

encode = msgspec.json.Encoder().encode
_VARY, _ETAG, _IF_NONE_MATCH = istr("Vary"), istr("ETag"), istr("If-None-Match")
_CONTENT_TYPE = istr("Content-Type")


def etag_of(body: bytes) -> str:
    """The strong entity tag (RFC 9110, 8.8.3) of a body: equal bytes, equal tag."""
    return f'"{blake2b(body, digest_size=12).hexdigest()}"'


def is_fresh(if_none_match: str, etag: str) -> bool:
    """Whether `If-None-Match` (a list of tags, weak or strong, or `*`) names `etag`: weak comparison, RFC 9110 13.1.2.

    Our tags hold no comma, so that splitting at commas finds them in every list.
    """
    return if_none_match.strip() == "*" or any(
        tag.strip().removeprefix("W/") == etag for tag in if_none_match.split(",")
    )


def answer(call: HttpCall, value: Any, status: int) -> Answer:
    """The answer that carries `value` as JSON; `None` is an answer without a body.

    A successful read carries an `ETag` and is 304 where the client already has it; a `Page` that is not the last
    carries a `Link` to the next.
    """
    headers = call.headers
    _append(headers, _VARY, "Authorization")  # two callers may see different fields of the same thing
    if value is None:
        return Answer(status, headers=headers)
    if isinstance(value, Encoded):
        body, cursor = value.body, value.next_cursor
        if value.etag is None:
            value.etag = etag_of(body)
        headers[_ETAG] = value.etag
    else:
        body, cursor = encode(value), value.next_cursor if isinstance(value, Page) else None
    next_page = None if cursor is None else _next_page(call.request, cursor)
    return json_answer(call.request, body, status, headers, next_page=next_page)


def json_answer(
    request: web.Request, body: bytes, status: int, headers: MutableMapping[str, str], *, next_page: str | None = None
) -> Answer:
    """An answer of ready JSON bytes; `headers` are taken over and completed."""
    if status == 200:
        etag = headers.get(_ETAG)
        if etag is None:
            etag = headers[_ETAG] = etag_of(body)
        if_none_match = request.headers.get(_IF_NONE_MATCH)
        if if_none_match is not None and request.method in {"GET", "HEAD"} and is_fresh(if_none_match, etag):
            return Answer(304, headers=headers)
    if next_page is not None:
        _append(headers, "Link", next_page)
    headers[_CONTENT_TYPE] = "application/json"
    return Answer(status, body, headers)


def _append(headers: MutableMapping[str, str], name: str, value: str) -> None:
    """Add to a header that is a list, which the handler may have begun."""
    begun = headers.get(name)
    headers[name] = f"{begun}, {value}" if begun else value


def _next_page(request: web.Request, cursor: str) -> str:
    """The `Link` (RFC 8288) to the page that begins at `cursor`: this request with another cursor."""
    kept = [part for part in request.rel_url.raw_query_string.split("&") if part and not part.startswith("cursor=")]
    query = "&".join([*kept, f"cursor={cursor}"])
    target = f"{request.rel_url.raw_path}?{query}".replace("<", "%3C").replace(">", "%3E")
    return f'<{target}>; rel="next"'
