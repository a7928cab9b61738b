"""One connection to PostgreSQL: how every session is set, and how a dead network is noticed."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import asyncpg

SESSION = {
    "application_name": "serai",
    "timezone": "UTC",
    "search_path": "public",  # by itself it would begin with the role's name, which is the kernel's schema
    "statement_timeout": "60s",
    "idle_in_transaction_session_timeout": "5min",
    "jit": "off",  # it costs more than it gains where queries are short
}
"""What every session begins with. What takes longer says so: `set local statement_timeout = ...`."""

CONNECT_LIMIT = 10.0
"""Seconds that opening a connection, or waiting for a free one, may take."""

_KEEPALIVE = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 25_000}


class Connection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg is untyped
    """An asyncpg connection that costs nothing to hand back, and fails within 25 s when the network is gone.

    Handing back rolls back an open transaction and forgets listeners, but runs no reset query, which would be a
    third of a short query's cost. So what outlives a transaction must be undone by who did it: `set` (use `set
    local`), session-level advisory locks (use `pg_advisory_xact_lock`), `listen`, `with hold` cursors, temporary tables
    (use `on commit drop`).
    """

    __slots__ = ()

    def __init__(self, protocol: Any, transport: asyncio.Transport, *arguments: Any) -> None:
        super().__init__(protocol, transport, *arguments)
        plain = transport.get_extra_info("socket")
        if plain is not None and plain.family in {socket.AF_INET, socket.AF_INET6}:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for name, value in _KEEPALIVE.items():
                if hasattr(socket, name):  # not every system has them all
                    plain.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)

    def get_reset_query(self) -> str:
        """None: see the class."""
        return ""


OPTIONS: dict[str, Any] = {"connection_class": Connection, "server_settings": SESSION, "timeout": CONNECT_LIMIT}
"""What asyncpg is given beside the DSN."""
