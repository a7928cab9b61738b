"""`Secret`: a value that no log, page or error shows, and the references that configuration may give instead of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, final

LARGEST_FILE = 64 * 1024
"""Bytes; a larger file is not a secret but a mistake."""


@final
class Secret:
    """A text that is only seen by who calls `reveal`."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself: hand it on, never log or store it."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(("Secret", self._text))


class SecretNotFound(Exception):
    """A reference that leads to no secret: what it should have led to, and what is there."""

    def __init__(self, expected: str, found: str) -> None:
        super().__init__(expected, found)
        self.expected = expected
        self.found = found


def dereference(reference: Mapping[Any, Any], environ: Mapping[str, str]) -> str:
    """The text that `{ env = "NAME" }` or `{ file = "/path" }` stands for; raises `SecretNotFound`."""
    source, target = next(iter(reference.items()), (None, None))
    if len(reference) != 1 or source not in ("env", "file") or not isinstance(target, str) or not target:
        raise SecretNotFound('{ env = "NAME" } or { file = "/path" }', "an object of another form")
    if source == "file":
        return _content(Path(target))
    if not environ.get(target):
        state = "an empty variable" if target in environ else "no such variable"
        raise SecretNotFound(f"a secret in the environment variable {target}", state)
    return environ[target]


def _content(path: Path) -> str:
    """The text of a file, without the line end that editors add."""
    wanted = f"a secret in the file {path}"
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
        text = content.decode().rstrip("\r\n")
    except OSError as error:
        raise SecretNotFound(wanted, (error.strerror or type(error).__name__).lower()) from None
    except UnicodeDecodeError:
        raise SecretNotFound(wanted, "bytes that are not UTF-8") from None
    if len(content) > LARGEST_FILE:
        raise SecretNotFound(wanted, f"more than {LARGEST_FILE} bytes")
    if not text:
        raise SecretNotFound(wanted, "an empty file")
    return text
