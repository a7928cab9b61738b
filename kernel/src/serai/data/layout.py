"""Where the embedded PostgreSQL of one state directory keeps its things."""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from pathlib import Path
from urllib.parse import quote

import attrs

from serai.data.account import Account
from serai.errors import SeraiError

RUNTIME_ROLE = "serai"
"""The role that Serai works as: it owns the database and is not superuser."""
SUPERUSER = "postgres"
DATABASE = "serai"
PORT = 5432
"""Names the socket file; no port is opened."""

_ROOTS_HOME = Path("/var/lib/serai")
_LONGEST_SOCKET_FOLDER = 80  # a socket's whole path has at most 107 bytes, `/.s.PGSQL.5432.lock` included


def new_password() -> str:
    """A password that nobody has to type; it needs no quoting in SQL or a URL."""
    return secrets.token_urlsafe(24)


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


@attrs.frozen
class Layout:
    """The paths of one state directory's PostgreSQL.

    `STATE_DIR/postgresql` holds `data` and, where they had to be copied, the `binaries`; when root hands over to
    another account, which can seldom enter a state directory, it is a link to a folder in `/var/lib/serai`.
    """

    state_dir: Path = attrs.field(converter=_real)

    @property
    def key(self) -> str:
        """Tells the state directories of one machine apart where a name must be short."""
        return hashlib.sha256(os.fsencode(self.state_dir)).hexdigest()[:12]

    @property
    def home(self) -> Path:
        return _real(self.state_dir / "postgresql")

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def log(self) -> Path:
        return self.state_dir / "log" / "postgresql.log"

    @property
    def lock(self) -> Path:
        return self.state_dir / "postgresql.lock"

    def prepare(self, account: Account) -> None:
        """Make the folders."""
        self.state_dir.mkdir(parents=True, exist_ok=True)
        self.log.parent.mkdir(exist_ok=True)
        link = self.state_dir / "postgresql"
        if link.is_symlink() and not self.home.exists():
            raise SeraiError(
                f"{link} points to {self.home}, where the data of PostgreSQL should be, but nothing is there.",
                hint="bring that folder back, or remove the link to begin with an empty database",
            )
        if account.is_ours or self.home.exists():
            self.home.mkdir(mode=0o700, exist_ok=True)
            return
        # Only `data` in it becomes the account's: nothing that root writes or runs lies in a folder of the account.
        # A name that was never used: a state directory made anew at the same place begins with an empty database.
        elsewhere = _ROOTS_HOME / f"{self.key}-{secrets.token_hex(4)}"
        elsewhere.mkdir(parents=True, exist_ok=True)
        for folder in (_ROOTS_HOME, elsewhere):
            folder.chmod(0o755)
        link.symlink_to(elsewhere)

    def outside(self, account: Account, socket_folder: Path) -> str:
        """What of PostgreSQL is not in the state directory, in one sentence for people."""
        sentence = f"PostgreSQL has its socket in {socket_folder}"
        if not self.home.is_relative_to(self.state_dir):
            sentence += f"; it runs as {account.name}, not as root, with its data and programs in {self.home}"
        return sentence

    def socket_folder(self, account: Account) -> Path:
        """The private folder of the socket, made if need be: short, because a socket's path must be.

        A folder of that name that is not the account's alone is another local user's trap, and refused.
        """
        runtime = os.environ.get("XDG_RUNTIME_DIR", "")
        private = account.is_ours and Path(runtime).is_absolute() and len(os.fsencode(runtime)) < _LONGEST_SOCKET_FOLDER
        base = Path(runtime) if private and Path(runtime).is_dir() else Path("/tmp")  # noqa: S108 - checked below
        folder = base / f"serai-{self.key}"
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            found = folder.lstat()
            ours = found.st_uid in {os.geteuid(), account.uid}
            if not (stat.S_ISDIR(found.st_mode) and ours and stat.S_IMODE(found.st_mode) == 0o700):
                raise SeraiError(
                    f"{folder} is not a private folder of {account.name}, so PostgreSQL's socket is not put into it.",
                    hint="find out who made it, then remove it",
                ) from None
        account.own(folder)
        return folder

    def password(self, role: str) -> str:
        """The role's password, from its file in the state directory (0600); made when first asked for."""
        if not self.has_password(role):
            self.keep_password(role, new_password())
        return self._password_file(role).read_text("ascii")

    def keep_password(self, role: str, password: str) -> None:
        """Write the role's password file, whole or not at all."""
        path = self._password_file(role)
        draft = path.with_suffix(".new")
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(password)
        draft.rename(path)

    def has_password(self, role: str) -> bool:
        return self._password_file(role).exists()

    def dsn(self, role: str, database: str, socket_folder: Path) -> str:
        """How `role` reaches `database` over the socket. It holds the password: never show it."""
        return f"postgresql://{role}:{self.password(role)}@/{database}?host={quote(str(socket_folder))}&port={PORT}"

    def _password_file(self, role: str) -> Path:
        return self.state_dir / f"postgresql-{role}.password"
