"""Sessions with the database: opened when there is something to read, and closed after it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import attrs
import oracledb

from serai import Secret
from serai_ehr_oracle.trouble import explained

_CLOSING_TIME = 5.0
"""Seconds that the server gets to take leave."""


@attrs.frozen(kw_only=True)
class Access:
    """What it takes to open a session.

    None is kept between readings: they are minutes apart, firewalls cut idle connections in silence, and the HR
    database need not hold a session for us. So every reading connects anew.
    """

    device: str
    dsn: str
    user: str
    password: Secret
    wallet: Path | None
    wallet_password: Secret | None
    server_dn: str | None
    zone: str
    connect_timeout: float
    statement_timeout: float

    @asynccontextmanager
    async def session(self) -> AsyncIterator[oracledb.AsyncConnection]:
        """Open a session; closing it rolls back whatever it was in."""
        connection = await self._connect()
        try:
            with explained(self.device, "setting the time zone"):
                await connection.execute(f"alter session set time_zone = '{self.zone}'")  # what views call current_date
            yield connection
        finally:
            with suppress(oracledb.Error, OSError, TimeoutError):  # it may be gone already
                async with asyncio.timeout(_CLOSING_TIME):
                    await connection.close()

    async def _connect(self) -> oracledb.AsyncConnection:
        with explained(self.device, "connecting"):
            async with asyncio.timeout(self.connect_timeout):
                connection: oracledb.AsyncConnection = await oracledb.connect_async(
                    dsn=self.dsn,
                    user=self.user,
                    password=self.password.reveal(),
                    wallet_location=str(self.wallet) if self.wallet else None,
                    wallet_password=self.wallet_password.reveal() if self.wallet_password else None,
                    ssl_server_cert_dn=self.server_dn,
                    tcp_connect_timeout=self.connect_timeout,
                    program=f"serai-{self.device}",
                )
        connection.call_timeout = max(1, int(self.statement_timeout * 1000))
        return connection
