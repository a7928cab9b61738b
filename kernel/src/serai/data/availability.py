"""Which errors mean that PostgreSQL is away just now: they become `Unavailable` (503), no others do."""

from __future__ import annotations

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from serai.errors import Unavailable

# Classes of SQLSTATE (PostgreSQL, appendix A): connection exceptions; shutting down, starting up; too many connections.
_AWAY = ("08", "57P", "53300")
# A use after the loss is told apart by asyncpg's words alone: of a connection, and of one that the pool took back.
_LOST_BEFORE = ("connection is closed", "connection has been released back to the pool")
# PostgreSQL has said that it cuts the connection, as when one of its processes was killed, and is about to: asyncpg
# knows no such state and takes it for an error of its own.
_BEING_LOST = "another operation (2) is in progress"
_OF_THE_DATABASE = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, DBAPIError)
_RETRY_AFTER = {"Retry-After": "5"}


class Reaching:
    """Around opening or waiting for a connection: a server that cannot be reached is `Unavailable`."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is None:
            return
        if isinstance(error, (TimeoutError, PoolTimeoutError)):
            raise Unavailable("No connection to the database became free in time.", headers=_RETRY_AFTER) from error
        if isinstance(error, OSError) or _is_loss(error):
            raise Unavailable("The database cannot be reached just now.", headers=_RETRY_AFTER) from error


class Using:
    """Around the use of a connection: only its loss is `Unavailable`, so an `OSError` of the user's own passes."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is not None and _is_loss(error):
            raise Unavailable("The connection to the database was lost.", headers=_RETRY_AFTER) from error


reaching, using = Reaching(), Using()


def _is_loss(error: BaseException) -> bool:
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or _state(error.orig).startswith(_AWAY)
    if not isinstance(error, _OF_THE_DATABASE):
        return False
    return _state(error).startswith(_AWAY) or str(error).endswith((*_LOST_BEFORE, _BEING_LOST))


def _state(error: BaseException | None) -> str:
    return getattr(error, "sqlstate", None) or ""
