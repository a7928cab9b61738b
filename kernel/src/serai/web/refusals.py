"""What requests can be refused with, as OpenAPI says it."""

from __future__ import annotations

from typing import Any

from serai.declarations import FeedRoute, Route
from serai.errors import Forbidden, Invalid, Problem, Unauthenticated, Unavailable
from serai.web.bodies import UnsupportedMediaType
from serai.web.cursors import CursorRefused
from serai.web.fields import FieldNotSeen
from serai.web.limits import BodyTooLarge, TooManyRequests
from serai.work.feed import Gone

_EVERYWHERE: tuple[type[Problem], ...] = (Invalid, TooManyRequests, Problem, Unavailable)
_WITH_KEY: tuple[type[Problem], ...] = (Unauthenticated, Forbidden)
_WITH_BODY: tuple[type[Problem], ...] = (BodyTooLarge, UnsupportedMediaType)

COMPONENTS: dict[str, dict[str, Any]] = {
    "Problem": {
        "title": "Problem",
        "description": "Why there is no other answer (RFC 9457). More members may come with some types.",
        "type": "object",
        "properties": {
            "type": {"type": "string", "description": "`/-/problems/` and the slug that names the kind of problem"},
            "title": {"type": "string", "description": "The kind of problem, the same each time"},
            "status": {"type": "integer"},
            "detail": {"type": "string", "description": "What is wrong this time"},
            "hint": {"type": "string", "description": "What may help"},
            "request_id": {"type": "string", "description": "Names the request in the logs"},
        },
        "required": ["type", "title", "status", "detail", "request_id"],
    },
    "InvalidRequest": {
        "title": "InvalidRequest",
        "description": "Every mistake in the request.",
        "allOf": [{"$ref": "#/components/schemas/Problem"}],
        "properties": {"errors": {"type": "array", "items": {"$ref": "#/components/schemas/Mistake"}}},
    },
    "Mistake": {
        "title": "Mistake",
        "description": "One thing that does not fit.",
        "type": "object",
        "properties": {
            "pointer": {
                "type": "string",
                "description": "Where (RFC 6901): into the body, `/limit` for a parameter of the query, `/path/emplid`"
                " for one of the path",
            },
            "expected": {"type": "string"},
            "found": {"type": "string"},
        },
        "required": ["pointer", "expected", "found"],
    },
}
"""The schemas of problem documents."""


def refusals_of(
    route: Route | FeedRoute, *, takes_body: bool, gives_pages: bool, asks_personal: bool
) -> dict[int, list[type[Problem]]]:
    """All that a route can refuse with, by status in ascending order: the kernel's own and those that it `raises`."""
    refusals = {*_EVERYWHERE, *route.raises}
    if not route.public:
        refusals |= {*_WITH_KEY}
    if takes_body:
        refusals |= {*_WITH_BODY}
    if gives_pages:
        refusals |= {CursorRefused}
    if asks_personal:
        refusals |= {FieldNotSeen}
    if isinstance(route, FeedRoute):
        refusals |= {CursorRefused, Gone}
    by_status: dict[int, list[type[Problem]]] = {}
    for refusal in sorted(refusals, key=lambda one: (one.status, one.slug)):
        by_status.setdefault(refusal.status, []).append(refusal)
    return by_status
