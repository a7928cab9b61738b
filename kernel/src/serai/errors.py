"""The error tree: what a person can put right (`SeraiError`) and what a client is told (`Problem`, RFC 9457)."""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import attrs


class SeraiError(Exception):
    """Something that a person can put right: one sentence that names what and where, and a hint what to do."""

    def __init__(self, sentence: str, *, hint: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.sentence} ({self.hint})" if self.hint else self.sentence


def describe(error: BaseException) -> str:
    """One sentence for people about an error that a guest raised.

    The text of an unforeseen one may hold personal data and stays out: its type and place are named instead.
    """
    if isinstance(error, SeraiError | OSError):
        return str(error) or type(error).__name__
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(*Path(frames[-1].filename).parts[-2:])}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"


class PluginError(SeraiError):
    """Raised by a plugin or driver that cannot start or go on: its sentence is shown as the reason."""


@attrs.frozen
class Mistake:
    """One thing that does not fit: where (`path`), what was expected, what was found.

    `found` is already safe to show: the value of a secret is never in it.
    """

    path: tuple[str | int, ...]
    expected: str
    found: str

    @property
    def pointer(self) -> str:
        """The path as a JSON pointer (RFC 6901)."""
        return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in self.path)

    @property
    def dotted(self) -> str:
        """The path as a person writes it in TOML: `plugins.isapi.sizes[2]`."""
        text = ""
        for part in self.path:
            text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
        return text


class Problem(SeraiError):
    """An answer that is not the wished one, sent as `application/problem+json` (RFC 9457).

    A plugin subclasses it to give its refusals a `slug` (the last part of `type`), a `title` and a `status`; the
    sentence becomes `detail`. `members` are further members of the document; `headers` are sent with it.
    """

    status: ClassVar[int] = 500
    slug: ClassVar[str] = "internal-error"
    title: ClassVar[str] = "Internal error"

    def __init__(
        self,
        sentence: str = "",
        *,
        hint: str = "",
        headers: Mapping[str, str] | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(sentence or self.title, hint=hint)
        self.headers = dict(headers or {})
        self.members = dict(members or {})


class Invalid(Problem):
    """The request does not fit its schema: every mistake is listed under `errors` with its JSON pointer."""

    status = 400
    slug = "invalid-request"
    title = "The request does not fit its schema"

    def __init__(self, mistakes: Sequence[Mistake], sentence: str = "") -> None:
        errors = [{"pointer": m.pointer, "expected": m.expected, "found": m.found} for m in mistakes]
        count = len(errors)
        super().__init__(
            sentence or f"{count} mistake{'s' if count != 1 else ''} in the request", members={"errors": errors}
        )
        self.mistakes = tuple(mistakes)


class Unauthenticated(Problem):
    """Nobody was recognised: no key, or one that is unknown, expired, revoked or used from elsewhere."""

    status = 401
    slug = "unauthenticated"
    title = "Authentication is needed"


class Forbidden(Problem):
    """Who asks is known but may not do this."""

    status = 403
    slug = "forbidden"
    title = "Not permitted"


class NotFound(Problem):
    """There is no such thing, or nothing that this caller may know of."""

    status = 404
    slug = "not-found"
    title = "Not found"


class Conflict(Problem):
    """The state of the thing forbids this now."""

    status = 409
    slug = "conflict"
    title = "The present state forbids this"


class Refused(Problem):
    """The request fits its schema but the domain refuses it."""

    status = 422
    slug = "refused"
    title = "The request was understood and refused"


class Unavailable(Problem):
    """Something that is needed is down just now; `Retry-After` says when to come back."""

    status = 503
    slug = "unavailable"
    title = "Unavailable just now"


class DeviceDown(Unavailable):
    """A device that this request needs is not ready."""

    slug = "device-down"
    title = "A device is not ready"
