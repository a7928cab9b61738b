"""Which employees are asked for."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import attrs

from serai_isapi.shapes import Status


@attrs.frozen(kw_only=True)
class Filter:
    """Which employees: all that meet every condition given."""

    q: str | None = None
    """Words, each one the beginning of a name (Han, pinyin, initials, western), an account, a mail or an emplid."""
    dept: str | None = None
    recursive: bool = False
    """Also the departments below `dept`."""
    statuses: Sequence[Status] = ("active",)
    location: str | None = None
    manager: str | None = None
    """The emplid of their manager."""
    under: str | None = None
    """The emplid of somebody anywhere above them."""


def search_words(q: str) -> list[str]:
    """The words of a search as keys are written: compatibility forms folded, lower case, `ü` as `v`."""
    return unicodedata.normalize("NFKC", q).lower().replace("ü", "v").replace("|", " ").split()
