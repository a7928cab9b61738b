"""The driver `ehr_oracle`: its settings, and how a device of it connects."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from zoneinfo import ZoneInfo

import attrs

from serai import Driver, Link, Secret, hookimpl
from serai_ehr import VIEWS
from serai_ehr.settings import known_views, known_zone
from serai_ehr_oracle.catalogue import Places
from serai_ehr_oracle.session import Access
from serai_ehr_oracle.source import OracleSource

_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_$#]{0,127}")


def _address(_instance: object, _attribute: object, value: str) -> None:
    if "@" in value:  # not quoted: there may be a password in it
        raise ValueError(
            'dsn should be an address alone, such as "tcps://host:2484/service"; user and password go apart'
        )


def _identifier(_instance: object, _attribute: object, value: str | None) -> None:
    if value is not None and not _IDENTIFIER.fullmatch(value):
        raise ValueError(f'"{value}" is no name of a schema')


def _places(_instance: object, _attribute: object, value: dict[str, str]) -> None:
    for name, place in value.items():
        parts = place.split(".")
        if len(parts) > 2 or not all(_IDENTIFIER.fullmatch(part) for part in parts):
            raise ValueError(f'{name} = "{place}" should be "view" or "schema.view"')


@attrs.frozen(kw_only=True)
class OracleSettings:
    """Where the views are, and who reads them."""

    dsn: str = attrs.field(validator=_address)
    """`tcps://host:port/service`, `host:port/service`, or a whole `(DESCRIPTION=...)`."""
    user: str
    """An account that may create a session and select from the views, and nothing else."""
    password: Secret
    schema: str | None = attrs.field(default=None, validator=_identifier)
    """The schema of the views; without it they are the account's own, or its synonyms."""
    views: dict[str, str] = attrs.field(factory=dict, validator=[known_views, _places])
    """Views that are elsewhere or named otherwise: `V_IS_JOB = "HR.IS_JOB"`."""
    wallet: Path | None = None
    """The folder of `ewallet.pem`, which holds the certificates to trust; without it the system's are."""
    wallet_password: Secret | None = None
    """Where the wallet's key is encrypted."""
    server_dn: str | None = None
    """The distinguished name that the server's certificate must have; without it the host's name has to match."""
    zone: str = attrs.field(default="Asia/Shanghai", validator=known_zone)
    """The zone of DATE and TIMESTAMP, which carry none."""
    connect_timeout: float = attrs.field(default=15.0, validator=[attrs.validators.gt(0), attrs.validators.le(25)])
    """Seconds until a server that does not let us in counts as down."""
    statement_timeout: float = attrs.field(default=60.0, validator=attrs.validators.gt(0))
    """Seconds that the server may take to answer once: to begin a query, or to give its next rows."""
    arraysize: int = attrs.field(default=1000, validator=[attrs.validators.ge(1), attrs.validators.le(100_000)])
    """Rows that travel at once."""


@asynccontextmanager
async def connect(settings: OracleSettings, link: Link) -> AsyncIterator[OracleSource]:
    """See that the database lets us in. No session is kept: each reading opens its own."""
    access = Access(
        device=link.name,
        dsn=settings.dsn,
        user=settings.user,
        password=settings.password,
        wallet=settings.wallet,
        wallet_password=settings.wallet_password,
        server_dn=settings.server_dn,
        zone=settings.zone,
        connect_timeout=settings.connect_timeout,
        statement_timeout=settings.statement_timeout,
    )
    async with access.session():
        pass
    yield OracleSource(access, places(settings), ZoneInfo(settings.zone), settings.arraysize, link)


def places(settings: OracleSettings) -> Places:
    """Where each view of the contract is looked for."""
    prefix = f"{settings.schema}." if settings.schema else ""
    return {view: settings.views.get(view.name, f"{prefix}{view.name}").upper() for view in VIEWS}


@hookimpl
def register_drivers() -> Sequence[Driver]:
    """The driver."""
    return [Driver(kind="ehr", name="ehr_oracle", factory=connect, settings=OracleSettings)]
