"""An answer that shows personal data says so in the log of who saw what."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from serai.context import Call, Redacted
from serai.errors import Invalid, Mistake
from serai.identity.profiles import LONGEST_PURPOSE

_PURPOSE = "X-Purpose"


def note_disclosure(call: Call, route: str, seen: Redacted[Any]) -> None:
    """Note what the answer shows; for one that shows nothing personal, as those of a directory, nothing is paid.

    Raises `NotNoted` where it cannot be written, and `Invalid` for a purpose that cannot be kept: then nothing may be
    shown.
    """
    if seen.subjects:
        call.ctx.fields.of(call.who).note(route, seen, purpose_of(call.request))


def purpose_of(request: web.Request) -> str:
    """What the request says that it is for, in `X-Purpose`; it narrows the client's own purpose. Raises `Invalid`."""
    purpose = request.headers.get(_PURPOSE, "")
    if len(purpose) > LONGEST_PURPOSE or not purpose.isprintable():
        expected = f"one line of at most {LONGEST_PURPOSE} characters in UTF-8"
        raise Invalid([Mistake(("headers", _PURPOSE), expected, "another text")])
    return purpose
