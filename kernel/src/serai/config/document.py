"""A deployment's TOML file with the environment laid over it, and where each of its values came from."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from serai.config.positions import Place, lines_of
from serai.config.texts import EnvText
from serai.config.wording import nearest, one_of
from serai.errors import Mistake, SeraiError

SECTIONS = ("kernel", "devices", "plugins", "fields", "services")
"""The tables that a deployment has."""
PREFIX = "SERAI_"


@attrs.frozen
class Document:
    """What a deployment's file and the environment say, before it is given types."""

    path: Path
    tree: dict[str, Any] = attrs.field(repr=False)
    """Plain data; texts from the environment are `EnvText`."""
    environ: Mapping[str, str] = attrs.field(repr=False)
    """Where references of secrets are looked up."""
    lines: Mapping[Place, int] = attrs.Factory(dict)
    variables: dict[Place, str] = attrs.Factory(dict)
    """The paths that the environment has set, with the name of the variable."""
    mistakes: list[Mistake] = attrs.Factory(list)
    """Variables that fit nowhere; their path is their name."""

    def origin(self, path: Place) -> str:
        """Where the value at `path`, or the nearest one above it, was written: `demo.toml:12` or a variable's name."""
        if path and str(path[0]).upper().startswith(PREFIX):
            return "environment"
        for length in range(len(path), 0, -1):
            if path[:length] in self.variables:
                return self.variables[path[:length]]
            if path[:length] in self.lines:
                return f"{self.path}:{self.lines[path[:length]]}"
        return str(self.path)

    def describe(self, mistake: Mistake) -> str:
        """One line for a person: `demo.toml:12: kernel.workers: expected integer, at least 1; found integer 0`."""
        where = f"{mistake.dotted}: " if mistake.path else ""
        line = f"{self.origin(mistake.path)}: {where}expected {mistake.expected}; found {mistake.found}"
        return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in line)


class ConfigError(SeraiError):
    """A configuration with mistakes; its text has a line for each of them."""

    def __init__(self, document: Document, mistakes: Sequence[Mistake]) -> None:
        count = f"{len(mistakes)} mistake{'s' if len(mistakes) != 1 else ''}"
        lines = [document.describe(mistake) for mistake in mistakes]
        super().__init__("\n".join([f"{document.path} has {count}:", *lines]))
        self.document = document
        self.mistakes = tuple(mistakes)


def load(path: Path, environ: Mapping[str, str]) -> Document:
    """Read a deployment's file and lay `SERAI_SECTION__KEY` of the environment over it.

    Raises `ConfigError` where the file cannot be read or is no TOML.
    """
    try:
        source = path.read_bytes().decode()
        document = Document(path=path, tree=tomllib.loads(source), environ=environ, lines=lines_of(source))
    except OSError as error:
        mistake = Mistake((), "a file that can be read", (error.strerror or type(error).__name__).lower())
    except UnicodeDecodeError as error:
        mistake = Mistake((), "a text in UTF-8", f"another encoding, from byte {error.start} on")
    except tomllib.TOMLDecodeError as error:
        what, _, place = str(error).rpartition(" (at ")
        mistake = Mistake((), "valid TOML", f"an error at {place.rstrip(')')}: {what}")
    else:
        _overlay(document)
        return document
    raise ConfigError(Document(path=path, tree={}, environ=environ), [mistake])


def _overlay(document: Document) -> None:
    """Set what the environment says in the document's tree; variables that fit nowhere are mistakes."""
    for variable in sorted(name for name in document.environ if name.upper().startswith(PREFIX)):
        parts = variable[len(PREFIX) :].lower().split("__")
        section = next((known for known in SECTIONS if parts[0].startswith(f"{known}_")), None)
        if len(parts) > 1 and parts[0] in SECTIONS and "" not in parts:
            _set(document, parts, variable)
        elif section is not None:
            wanted = f"{PREFIX}{section.upper()}__KEY, with two underscores"
            document.mistakes.append(Mistake((variable,), wanted, "one underscore"))
        elif len(parts) > 1:
            wanted = f"{PREFIX}SECTION__KEY with a section that is {one_of(SECTIONS)}{nearest(parts[0], SECTIONS)}"
            document.mistakes.append(Mistake((variable,), wanted, "a variable of another form"))
        # else it is not meant for us: orchestrators set SERAI_PORT and the like


def _set(document: Document, parts: Sequence[str], variable: str) -> None:
    """Set one value; keys are found without regard to case."""
    node = document.tree
    path: tuple[str, ...] = ()
    for part in parts[:-1]:
        key = _key(node, part)
        path = (*path, key)
        node = node.setdefault(key, {})
        if not isinstance(node, dict):
            document.mistakes.append(Mistake((variable,), f"a table at {'.'.join(path)}", "a value of its own there"))
            return
    path = (*path, _key(node, parts[-1]))
    if path in document.variables:
        found = f"{document.variables[path]}, which sets it too"
        document.mistakes.append(Mistake((variable,), "one variable for a key", found))
        return
    node[path[-1]] = EnvText(document.environ[variable])
    document.variables[path] = variable


def _key(node: Mapping[str, Any], part: str) -> str:
    return next((key for key in node if key.lower() == part), part)
