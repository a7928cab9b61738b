"""Which errors mean that PostgreSQL is away just now: they become `Unavailable` (503), no others do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

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


@contextmanager
def reaching() -> Iterator[None]:
    """Around opening or waiting for a connection: a server that cannot be reached is `Unavailable`."""
    try:
        yield
    except (TimeoutError, PoolTimeoutError) as error:
        raise Unavailable("No connection to the database became free in time.", headers=_RETRY_AFTER) from error
    except (OSError, *_OF_THE_DATABASE) as error:
        if not isinstance(error, OSError) and not _is_loss(error):
            raise
        raise Unavailable("The database cannot be reached just now.", headers=_RETRY_AFTER) from error


@contextmanager
def using() -> Iterator[None]:
    """Around the use of a connection: only its loss is `Unavailable`, so an `OSError` of the user's own passes."""
    try:
        yield
    except _OF_THE_DATABASE as error:
        if not _is_loss(error):
            raise
        raise Unavailable("The connection to the database was lost.", headers=_RETRY_AFTER) from error


def _is_loss(error: Exception) -> bool:
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or _state(error.orig).startswith(_AWAY)
    return _state(error).startswith(_AWAY) or str(error).endswith((*_LOST_BEFORE, _BEING_LOST))


def _state(error: BaseException | None) -> str:
    return getattr(error, "sqlstate", None) or ""
