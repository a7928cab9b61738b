"""On which line of a TOML file each key stands: what `tomllib` does not tell."""

from __future__ import annotations

import re
import tomllib
from collections import Counter

Place = tuple[str | int, ...]

_HEADER = re.compile(r"""\s*(\[\[?)((?:"[^"]*"|'[^']*'|[^\[\]"'#])+)\]\]?\s*(#.*)?""")
_ASSIGNMENT = re.compile(r"""\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'|\s*\.\s*)+?)\s*=""")


def lines_of(source: str) -> dict[Place, int]:
    """`{path: line}` of the tables and keys of a valid TOML text, lines from 1.

    Keys inside of inline tables and values over several lines have no entry of their own; look up the path above.
    """
    lines: dict[Place, int] = {}
    counts: Counter[Place] = Counter()
    table: Place = ()
    statement = ""
    for number, line in enumerate(source.split("\n"), start=1):
        statement += line + "\n"
        if not _complete(statement):
            continue
        first = number - statement.count("\n") + 1
        header, assignment = _HEADER.fullmatch(line), _ASSIGNMENT.match(statement)
        if header is not None and statement.count("\n") == 1:
            table = _keys(header[2])
            if header[1] == "[[":
                counts[table] += 1
                table = (*table, counts[table] - 1)
            _note(lines, table, first)
        elif assignment is not None:
            _note(lines, (*table, *_keys(assignment[1])), first)
        statement = ""
    return lines


def _note(lines: dict[Place, int], path: Place, line: int) -> None:
    """Remember the first line of a key, and of the tables above it that it makes without saying so."""
    for length in range(1, len(path) + 1):
        lines.setdefault(path[:length], line)


def _complete(statement: str) -> bool:
    """Whether a statement ends here: an open list or multi-line text goes on in the next line."""
    try:
        tomllib.loads(statement)
    except tomllib.TOMLDecodeError:
        return False
    return True


def _keys(dotted: str) -> Place:
    """The names of a dotted key, quoted or not."""
    node, names = tomllib.loads(f"{dotted} = 0"), []
    while isinstance(node, dict):
        name, node = next(iter(node.items()))
        names.append(name)
    return tuple(names)
