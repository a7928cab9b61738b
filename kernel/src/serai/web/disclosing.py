"""Where an answer that shows personal data says so.

The encoder calls `note_disclosure` once for an answer, with the people whose personal fields it shows in clear; for an
answer that shows none, as those of a directory, nothing is called and nothing is paid.
"""

from __future__ import annotations

from collections.abc import Iterable

from aiohttp import web

from serai.errors import Invalid, Mistake
from serai.identity.disclosures import Disclosures
from serai.identity.profiles import LONGEST_PURPOSE
from serai.web.keys import PRINCIPAL

DISCLOSURES = web.AppKey("DISCLOSURES", Disclosures)
"""The process's log, kept by the root application."""
_PURPOSE = "X-Purpose"


def note_disclosure(request: web.Request, route: str, subjects: Iterable[str], fields: Iterable[str]) -> None:
    """Note that the answer to `request` shows these personal fields of these people (emplids).

    `route` is the whole template, `/isapi/api/v1/employees/{emplid}`. The request's header `X-Purpose` narrows the
    client's purpose. Raises `NotNoted` where it cannot be written, and `Invalid` for a header that cannot be kept: then
    nothing may be shown.
    """
    purpose = request.headers.get(_PURPOSE, "")
    if len(purpose) > LONGEST_PURPOSE or not purpose.isprintable():
        raise Invalid(
            [
                Mistake(
                    ("headers", _PURPOSE), f"one line of at most {LONGEST_PURPOSE} characters in UTF-8", "another text"
                )
            ]
        )
    request.config_dict[DISCLOSURES].note(request[PRINCIPAL], route, subjects, fields, purpose)
