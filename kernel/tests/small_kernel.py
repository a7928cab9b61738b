"""A small kernel for tests of the web floor: real server, real client, real keys where a database is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import asyncpg
import attrs
import pytest
import structlog
from aiohttp import web
from aiohttp.test_utils import TestClient
from sqlalchemy import create_mock_engine

from serai.app.kernel_api import add_kernel_api
from serai.data.tables import metadata
from serai.hosting.context import GuestContext
from serai.hosting.permissions import Permissions
from serai.identity import kept_tables, tables
from serai.identity.addresses import Proxies
from serai.identity.audit import AuditLog
from serai.identity.authenticator import Authenticator
from serai.identity.fields import FieldPolicy
from serai.identity.quotas import Quotas
from serai.web.cursors import Cursors
from serai.web.duties import Duties
from serai.web.front import Front
from serai.web.limits import Limiter
from serai.web.mounts import Mounts, Site
from serai.web.route_table import Access, RouteTable


class PlainDatabase:
    """`Database` of the schema serai, with a pool and one listening connection."""

    schema = "serai"

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[PlainDatabase]:
        self.pool = await asyncpg.create_pool(self.dsn, min_size=0, max_size=4)
        self.listener = await asyncpg.connect(self.dsn)
        self.callbacks: list[tuple[str, Callable[[str | None], Any]]] = []
        try:
            yield self
        finally:
            await self.listener.close()
            await self.pool.close()

    def raw(self) -> Any:
        return self.pool.acquire()

    def listen(self, channel: str, callback: Callable[[str | None], Any]) -> None:
        self.callbacks.append((channel, callback))

    async def listening(self) -> None:
        """Begin to hear; what asked to listen is told of each notification."""
        for channel, callback in self.callbacks:
            await self.listener.add_listener(f"serai.{channel}", _heard_by(callback))

    def reconnected(self) -> None:
        """Tell everybody that the listening connection was lost and came back."""
        for _, callback in self.callbacks:
            callback(None)

    async def notify(self, channel: str, payload: str = "", *, connection: Any = None) -> None:
        await connection.execute("select pg_notify($1, $2)", f"serai.{channel}", payload)


def _heard_by(callback: Callable[[str | None], Any]) -> Any:
    def heard(_connection: Any, _pid: int, _channel: str, payload: Any) -> None:
        callback(payload)

    return heard


def identity_ddl() -> list[str]:
    """The statements that make the tables of identity."""
    statements = ["create schema if not exists serai"]
    engine = create_mock_engine(
        "postgresql+asyncpg://", lambda sql, *_, **__: statements.append(str(sql.compile(dialect=engine.dialect)))
    )
    metadata.create_all(
        engine, tables=[tables.client, tables.api_key, tables.client_use, kept_tables.audit_log], checkfirst=False
    )
    return statements


@pytest.fixture
async def identity_database(database_url: str) -> AsyncIterator[PlainDatabase]:
    """A database with the tables of identity."""
    async with PlainDatabase(database_url).opened() as database:
        async with database.raw() as connection:
            for statement in identity_ddl():
                await connection.execute(statement)
        yield database


class Recorded:
    """Access lines and meters as they were written."""

    def __init__(self) -> None:
        self.lines: list[SimpleNamespace] = []
        self.observed: list[tuple[str, str, str, int]] = []

    def add(
        self, method: str, route: str, status: int, size: int, seconds: float, client: str, request_id: str
    ) -> None:
        self.lines.append(
            SimpleNamespace(
                method=method, template=route, status=status, size=size, client=client, request_id=request_id
            )
        )

    def route(self, plugin: str, template: str, method: str) -> Any:
        def observe(status: int, seconds: float) -> None:
            assert seconds >= 0
            self.observed.append((plugin, template, method, status))

        return SimpleNamespace(observe=observe)


def kernel_routes(database: Any, *permissions: str) -> Callable[[web.Application], Mapping[Any, Access]]:
    """What attaches the kernel's own typed routes to a root; `permissions` are all that clients can hold."""

    def attach(root: web.Application) -> Mapping[Any, Access]:
        context = GuestContext(
            "kernel",
            database=database,
            devices=None,
            queue=None,
            feed=None,
            keys=None,
            audit=AuditLog(database, "kernel"),
            http=None,
            services=None,
            fields=FieldPolicy(),
            failed=pytest.fail,
        )
        context.provide(Permissions, Permissions(lambda: dict.fromkeys(permissions, "")))
        return add_kernel_api(root, context, Cursors([b"k" * 32]))

    return attach


@attrs.define
class SmallKernel:
    """A root with mounts and duties, served on a loopback port."""

    mounts: Mounts
    table: RouteTable
    recorded: Recorded
    client: TestClient[Any, Any]

    async def publish(
        self,
        name: str,
        routes: Mapping[str, Any] | None = None,
        *,
        app: web.Application | None = None,
        access: Mapping[Any, Access] | None = None,
        body_limit: int = 1024,
        stopping: asyncio.Event | None = None,
        start_limit: float = 5,
    ) -> web.Application:
        """Mount an application with these GET handlers, public unless `access` says otherwise."""
        app = app or web.Application()
        for path, handler in (routes or {}).items():
            app.router.add_get(path, handler)
        if access is None:
            access = {route.handler: Access(public=True) for route in app.router.routes()}
        site = Site(app=app, access=access, body_limit=body_limit, stopping=stopping or asyncio.Event())
        await self.mounts.publish(name, site, start_limit=start_limit)
        return app


@pytest.fixture
async def small_kernel(aiohttp_client: Any) -> Callable[..., Awaitable[SmallKernel]]:
    """Make a `SmallKernel`; without a database no key can be looked up."""

    async def make(
        *,
        database: Any = None,
        public_url: str | None = None,
        rate: float = 1e6,
        burst: int = 1000,
        proxies: Proxies | None = None,
        routes: Mapping[str, Any] | None = None,
        access: Mapping[Any, Access] | None = None,
        attach: Callable[[web.Application], Mapping[Any, Access]] | None = None,
        shutdown_grace: float = 1.0,
    ) -> SmallKernel:
        recorded = Recorded()
        table = RouteTable(recorded)
        log = structlog.get_logger()
        root = web.Application(client_max_size=64 * 1024 * 1024)
        for path, handler in (routes or {}).items():
            root.router.add_get(path, handler)
        mounts = Mounts(table, shutdown_grace=shutdown_grace)
        mounts.attach(root)
        duties = Duties(
            table=table,
            authenticator=Authenticator(database, log),
            proxies=proxies or Proxies(),
            limiter=Limiter(rate, burst),
            quotas=Quotas(database, log),
            access_log=recorded,
            log=log,
            public_url=public_url,
        )
        stated = {**(access or {}), **(attach(root) if attach else {})}
        duties.attach(root, stated, body_limit=1024)
        client = await aiohttp_client(root)
        Front(mounts.paths, duties.serve).stand_before(client.server.runner.server)
        return SmallKernel(mounts, table, recorded, client)

    return make
