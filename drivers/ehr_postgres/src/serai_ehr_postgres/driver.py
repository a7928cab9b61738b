"""The driver `ehr_postgres`: its settings, and how a device of it connects."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from zoneinfo import ZoneInfo

import asyncpg
import attrs

from serai import Driver, Link, PluginError, Secret, hookimpl
from serai_ehr import VIEWS
from serai_ehr.settings import known_views, known_zone
from serai_ehr_postgres.catalogue import Names
from serai_ehr_postgres.source import ACQUIRE_TIMEOUT, PostgresSource
from serai_ehr_postgres.trouble import explained

_CONNECTIONS = 3
"""A reading, a check beside it, and one to spare."""
_CLOSING_TIME = 5.0
"""Seconds that readings get to end when the device is let go of."""


def _with_schema(_instance: object, _attribute: object, value: dict[str, str]) -> None:
    for name, place in value.items():
        if place.count(".") != 1:
            raise ValueError(f'{name} = "{place}" should be "schema.view"')


@attrs.frozen(kw_only=True)
class PostgresSettings:
    """Where the views are."""

    dsn: Secret
    """`postgresql://user:password@host:port/database?sslmode=verify-full`"""
    schema: str = "public"
    """The schema of the views, which have the contract's names in lower or upper case."""
    views: dict[str, str] = attrs.field(factory=dict, validator=[known_views, _with_schema])
    """Views that are elsewhere or named otherwise: `V_IS_JOB = "hr.is_job"`."""
    zone: str = attrs.field(default="Asia/Shanghai", validator=known_zone)
    """The zone of timestamps that carry none."""
    statement_timeout: float = attrs.field(default=60.0, validator=attrs.validators.gt(0))
    """Seconds after which the server gives up a statement (for a view: the next rows of it)."""
    batch: int = attrs.field(default=5000, validator=[attrs.validators.ge(1), attrs.validators.le(100_000)])
    """The most rows fetched at once, whatever the reader asks for."""


@asynccontextmanager
async def connect(settings: PostgresSettings, link: Link) -> AsyncIterator[PostgresSource]:
    """Open a few connections; they are closed when the device is let go of."""
    with explained(link.name, "connecting"):
        pool = await _pool(settings, link.name)
    try:
        yield PostgresSource(pool, view_names(settings), ZoneInfo(settings.zone), settings.batch, link)
    finally:
        try:
            async with asyncio.timeout(_CLOSING_TIME):
                await pool.close()
        except TimeoutError:
            pool.terminate()


async def _pool(settings: PostgresSettings, device: str) -> asyncpg.Pool:
    try:
        return await asyncpg.create_pool(
            settings.dsn.reveal(),
            min_size=1,
            max_size=_CONNECTIONS,
            timeout=ACQUIRE_TIMEOUT,
            server_settings={
                "application_name": f"serai {device}",
                "statement_timeout": str(int(settings.statement_timeout * 1000)),
            },
        )
    except ValueError:
        raise PluginError(
            f"device {device}: dsn is not a PostgreSQL address",
            hint="write postgresql://user:password@host:port/database",
        ) from None  # the client's message may quote the address, and the password in it


def view_names(settings: PostgresSettings) -> Names:
    """Where each view of the contract is looked for."""
    names = {}
    for view in VIEWS:
        schema, _, name = settings.views.get(view.name, f"{settings.schema}.{view.name.lower()}").partition(".")
        names[view] = (schema, name)
    return names


@hookimpl
def register_drivers() -> Sequence[Driver]:
    """The driver."""
    return [Driver(kind="ehr", name="ehr_postgres", factory=connect, settings=PostgresSettings)]
