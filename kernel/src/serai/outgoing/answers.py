"""What a plugin in another deployment answers: problem documents as exceptions, and what is remembered by its ETag."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import attrs
import msgspec
from msgspec import Struct

from serai.context import Answer
from serai.errors import Problem, Unavailable

REMEMBERED = 1000
"""Answers whose ETag one client keeps."""

_SHORTEST_PAUSE = 0.1
_LONGEST_SAID = 500
"""Characters that are repeated of what another system says."""


class RemoteProblem(Unavailable):
    """A plugin in another deployment refuses what it was asked, for a reason that is between the two deployments.

    Whoever asked this deployment gets a 503: they can neither mend a key nor a question that they did not put.
    """

    slug = "remote-problem"
    title = "Another deployment did not answer as expected"

    def __init__(self, sentence: str, *, hint: str = "", status_there: int, slug_there: str = "") -> None:
        super().__init__(sentence, hint=hint)
        self.status_there = status_there
        """The status of its answer."""
        self.slug_there = slug_there
        """The slug of its problem; empty where it sent none, as proxies do."""


class Busy(Exception):
    """An answer that says to come again: 429 or 503 of the deployment, 502 or 504 of a proxy before it."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"status {answer.status}")
        self.answer = answer

    @property
    def retry_after(self) -> float | None:
        """Seconds to wait; None where it does not say, or says it as a date."""
        said = header(self.answer, "Retry-After") or ""
        return max(float(said), _SHORTEST_PAUSE) if said.isascii() and said.isdigit() else None


@attrs.frozen
class Known:
    """An answer that may still be true."""

    etag: str
    value: Any


class Remembered:
    """The last answers by address, so that only what is new is sent again."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Known] = OrderedDict()

    def of(self, target: str) -> Known | None:
        """What is known of that address."""
        known = self._known.get(target)
        if known is not None:
            self._known.move_to_end(target)
        return known

    def note(self, target: str, etag: str | None, value: Any) -> None:
        """Remember an answer; the one that was not asked for the longest goes."""
        if etag is None:
            return
        self._known[target] = Known(etag, value)
        self._known.move_to_end(target)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)


def header(answer: Answer, name: str) -> str | None:
    """A header by its name in any case: proxies may change it."""
    wanted = name.lower()
    return next((value for key, value in answer.headers.items() if key.lower() == wanted), None)


def problem_of(answer: Answer, where: str, known: Sequence[type[Problem]]) -> Problem:
    """The exception that an answer means: one of the `known` classes, or a `RemoteProblem` that says `where`."""
    try:
        document = msgspec.json.decode(answer.body, type=_Document)
    except msgspec.MsgspecError:
        document = _Document()
    slug = document.type.rpartition("/")[2]
    for problem in known:
        if problem.slug == slug:
            return problem(document.detail, hint=document.hint)
    said = ": ".join(part for part in (slug, document.detail) if part)
    said += "".join(f"; {one.pointer}: expected {one.expected}, found {one.found}" for one in document.errors)
    return RemoteProblem(
        f"{where} answered {answer.status} {said}"[:_LONGEST_SAID].rstrip(),
        hint=document.hint,
        status_there=answer.status,
        slug_there=slug,
    )


class _Error(Struct):
    pointer: str = ""
    expected: str = ""
    found: str = ""


class _Document(Struct):
    """RFC 9457, as docs/http.md has it."""

    type: str = ""
    detail: str = ""
    hint: str = ""
    errors: list[_Error] = []
