"""The operating-system account that PostgreSQL runs as: ours, or an unprivileged one when we are root."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import attrs

from serai.errors import SeraiError

_UNPRIVILEGED = ("postgres", "nobody")


@attrs.frozen
class Account:
    """An account of this machine. PostgreSQL refuses to run as root, so root hands over to another one."""

    name: str
    uid: int
    gid: int

    @property
    def is_ours(self) -> bool:
        return self.uid == os.geteuid()

    def own(self, path: Path) -> None:
        """Give `path` to this account."""
        if not self.is_ours:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def become(self) -> None:
        """Turn this process into one of the account's, for good: between fork and exec."""
        if not self.is_ours:
            os.setgroups([])
            os.setgid(self.gid)
            os.setuid(self.uid)


def account_for(data: Path) -> Account:
    """Who runs PostgreSQL on `data`: its owner; where it is yet to be made, we or an unprivileged account."""
    us = os.geteuid()
    if data.exists():
        owner = data.stat().st_uid
        if us not in {0, owner}:
            raise SeraiError(
                f"The data directory {data} belongs to the account {_of_uid(owner).name}, not to {_of_uid(us).name}.",
                hint="run Serai as that account or as root, or choose another state directory",
            )
        return _of_uid(owner)
    if us != 0:
        return _of_uid(us)
    for name in _UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise SeraiError(
        f"PostgreSQL does not run as root, and none of the accounts {', '.join(_UNPRIVILEGED)} exists.",
        hint="make an account named postgres, or run Serai as an ordinary account",
    )


def _of_uid(uid: int) -> Account:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:  # a container may run under a number without a name
        return Account(str(uid), uid, os.getegid())
    return Account(entry.pw_name, uid, entry.pw_gid)
