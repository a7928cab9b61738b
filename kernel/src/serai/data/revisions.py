"""The revisions of one schema: read without running them, checked, in order."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, cast, get_args

import attrs

from serai.errors import SeraiError

Phase = Literal["expand", "contract"]
"""`expand`: older code works on with the new schema. `contract`: it does not."""

VERSION_TABLE = "alembic_version"
"""In each schema: at which revision it is."""

_ALLOWED = frozenset({"alembic", "sqlalchemy"})
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_]{0,31}")  # alembic_version holds 32 characters; it is a file name too


@attrs.frozen
class Revision:
    """One step of a schema's history."""

    id: str
    down: str | None
    """The revision before it; None for the first."""
    phase: Phase
    message: str
    source: str = attrs.field(repr=False)
    """The whole Python file: it is archived when applied."""


class History:
    """Revisions of one schema from the first to the head: one line, without branches."""

    def __init__(self, name: str, revisions: Iterable[Revision]) -> None:
        self._name = name
        self._revisions = self._in_order({revision.down: revision for revision in revisions}, list(revisions))

    def __iter__(self) -> Iterator[Revision]:
        return iter(self._revisions)

    def __contains__(self, revision: object) -> bool:
        return any(known.id == revision for known in self._revisions)

    @property
    def head(self) -> str | None:
        """The last revision; None where there is none."""
        return self._revisions[-1].id if self._revisions else None

    def after(self, revision: str | None) -> tuple[Revision, ...]:
        """The revisions that follow `revision`; all of them after None."""
        return self._revisions[self._count(revision) :]

    def until(self, revision: str | None) -> tuple[Revision, ...]:
        """The revisions up to and with `revision`; nothing until None."""
        return self._revisions[: self._count(revision)]

    def _count(self, revision: str | None) -> int:
        if revision is None:
            return 0
        for count, known in enumerate(self._revisions, 1):
            if known.id == revision:
                return count
        ids = ", ".join(known.id for known in self._revisions) or "none"
        raise SeraiError(f"{self._name} has no revision {revision}.", hint=f"known: {ids}")

    def _in_order(self, following: Mapping[str | None, Revision], all_of_them: list[Revision]) -> tuple[Revision, ...]:
        ordered: list[Revision] = []
        while (step := following.get(ordered[-1].id if ordered else None)) is not None and step not in ordered:
            ordered.append(step)
        lost = [revision for revision in all_of_them if revision not in ordered]
        if lost:
            raise SeraiError(
                f"The revision {lost[0].id} of {self._name} is not on the one line from the first to the last: "
                f"its down_revision is {lost[0].down}.",
                hint="every revision but the first names the one before it, and no two the same",
            )
        return tuple(ordered)


def find(location: str | Path) -> Path:
    """The folder of a location: a path, or `package:folder` inside an installed package, which is not imported."""
    if isinstance(location, Path):
        return location
    package, _, folder = location.partition(":")
    try:
        spec = find_spec(package)
    except (ModuleNotFoundError, ValueError):
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise SeraiError(
            f"The package {package} of the migrations {location!r} is not installed.",
            hint='expected "package:folder", for example "serai_outage:migrations"',
        )
    return Path(spec.submodule_search_locations[0]) / folder


def read(name: str, location: str | Path) -> History:
    """The history that lies at `location`. Raises `SeraiError` for the first file that breaks a rule."""
    folder = find(location)
    if not folder.is_dir():
        raise SeraiError(f"The folder of migrations {folder} of {name} is missing.")
    files = sorted(path for path in folder.glob("*.py") if path.name != "__init__.py")
    return History(name, [_read_file(name, path) for path in files])


def _read_file(name: str, path: Path) -> Revision:
    source = path.read_text("utf-8")
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise SeraiError(
            f"The migration {path} of {name} is not Python: {error.msg} in line {error.lineno}."
        ) from error
    _check_imports(name, path, tree)
    values = dict(_constants(tree))
    identifier, down, phase = values.get("revision"), values.get("down_revision"), values.get("phase")
    if not (isinstance(identifier, str) and _ID.fullmatch(identifier)):
        raise _wrong(name, path, 'revision = "..." of letters and digits', identifier)
    if not (down is None or isinstance(down, str)):
        raise _wrong(name, path, "down_revision to name one revision or None", down)
    if phase not in get_args(Phase):
        raise _wrong(name, path, 'phase = "expand" or phase = "contract"', phase)
    message = (ast.get_docstring(tree) or path.stem).splitlines()[0]
    return Revision(identifier, down, cast(Phase, phase), message, source)


def _wrong(name: str, path: Path, expected: str, found: object) -> SeraiError:
    found = "nothing" if found is None else repr(found)
    return SeraiError(f"The migration {path} of {name}: expected {expected}, found {found}.")


def _check_imports(name: str, path: Path, tree: ast.Module) -> None:
    """Only what is always there: the archived source must run when the wheel is gone."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = ["." * node.level + (node.module or "")]
        else:
            continue
        for module in modules:
            root = module.partition(".")[0]
            if root not in _ALLOWED and root not in sys.stdlib_module_names:
                raise SeraiError(
                    f"The migration {path} of {name} imports {module} in line {node.lineno}.",
                    hint="only the standard library, alembic and sqlalchemy: it must run when the wheel is gone",
                )


def _constants(tree: ast.Module) -> Iterator[tuple[str, Any]]:
    for node in tree.body:
        target = (
            node.targets[0]
            if isinstance(node, ast.Assign)
            else node.target
            if isinstance(node, ast.AnnAssign)
            else None
        )
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(target, ast.Name) and node.value is not None:
            try:
                yield target.id, ast.literal_eval(node.value)
            except ValueError:
                continue  # something computed: none of ours
