"""What goes wrong between us and the database, said so that a person can act on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from serai import DeviceDown, PluginError

LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    OSError,
    TimeoutError,
)
"""What is raised when the server cannot be reached, or stops answering."""


@contextmanager
def explained(device: str, doing: str) -> Iterator[None]:
    """Turn the database client's errors into ours.

    `DeviceDown` where trying again later can help, `PluginError` where somebody has to change something. The server's
    DETAIL, which may hold data, is left out.
    """
    try:
        yield
    except asyncpg.QueryCanceledError as error:
        raise DeviceDown(
            f"device {device}: PostgreSQL gave up {doing} ({error.message})",
            hint="if this happens often, make statement_timeout longer or the view faster",
        ) from error
    except LOST as error:
        raise DeviceDown(
            f"device {device}: PostgreSQL went away or did not answer while {doing}",
            hint="the next reading connects anew; see that the server is up and reachable",
        ) from error
    except asyncpg.PostgresError as error:
        raise PluginError(
            f"device {device}: PostgreSQL refused {doing} ({error.message})",
            hint="compare views and grants with what serai_ehr_postgres/sql/views.sql creates",
        ) from error
