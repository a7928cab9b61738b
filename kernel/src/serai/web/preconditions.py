"""`If-Match`: what two people can edit is changed only by who has seen it as it is (RFC 9110, 13.1.1)."""

from __future__ import annotations

from aiohttp import web

from serai.errors import Problem


class PreconditionRequired(Problem):
    """The request has to say in `If-Match` which state it changes: the `ETag` of what was read (RFC 6585, 3)."""

    status = 428
    slug = "precondition-required"
    title = "If-Match is needed"


class PreconditionFailed(Problem):
    """Somebody else has changed it since it was read."""

    status = 412
    slug = "precondition-failed"
    title = "It was changed since"


def require_match(request: web.Request, etag: str) -> None:
    """Raise a problem unless `If-Match` names the strong tag `etag`, or is `*`."""
    stated = request.headers.get("If-Match")
    if stated is None:
        raise PreconditionRequired(
            "This change needs the header If-Match", hint="read it, and send its ETag back as If-Match"
        )
    if stated.strip() != "*" and etag not in (tag.strip() for tag in stated.split(",")):
        raise PreconditionFailed(
            "It was changed since you read it", hint="read it again, and see whether your change is still wanted"
        )
