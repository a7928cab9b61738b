"""Where the kernel's part of a request goes: servers that differ by one duty each, made of the kernel's own parts.

`python bench/duties.py VARIANT PORT` serves one of them; with `in-process` for a port it measures it without sockets.
They take a request for one employee and answer a ready one; no handler asks the database, which is there for the key
alone: BENCH_DSN, and the key itself in BENCH_KEY.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import attrs
import msgspec
import uvloop
from aiohttp import web

from in_process import microseconds
from serai import Api, Call, Encoded, PluginInfo
from serai.context import Audit, Devices, Feed, Http, Keys, Queue
from serai.data.connections import Connections
from serai.hosting.context import GuestContext
from serai.hosting.services import GuestServices, ServiceHouse
from serai.identity.addresses import Proxies
from serai.identity.authenticator import Authenticator
from serai.identity.fields import FieldPolicy
from serai.identity.quotas import Quotas
from serai.telemetry import logs
from serai.telemetry.access import AccessLog
from serai.telemetry.metrics import Metrics
from serai.web.answer import KERNEL_HEADERS
from serai.web.cursors import Cursors
from serai.web.duties import Duties
from serai.web.front import Front
from serai.web.limits import Limiter
from serai.web.mounts import Mounts
from serai.web.plugin_app import Routes, build_site
from serai.web.route_table import RouteTable
from serai_isapi.plugin import plugin_info
from serai_isapi.shapes import DepartmentRef, Employee, LocationRef

PATH = "/isapi/api/v1/employees/{emplid}"
EMPLOYEE = Employee(
    emplid="00000042",
    name="张伟国",
    name_en="Weiguo Zhang",
    pinyin="zhang wei guo",
    rtx_id="zhangweiguo",
    ad_account="zhangweiguo",
    mail="zhangweiguo@serai.example",
    work_phone="+86 010-00000000-0042",
    department=DepartmentRef(deptid="D00009", name="平台研发部", path="示例集团/技术中心/平台研发部"),
    title="高级工程师",
    location=LocationRef(code="SH01", name="上海张江中心"),
    company="DMO",
    business_unit="CN001",
    manager_emplid="00000007",
    employment_type="employee",
    status="active",
)

encode = msgspec.json.Encoder().encode
log = logs.get("bench")


async def plain(request: web.Request) -> web.Response:
    return web.Response(body=encode(EMPLOYEE), headers={"Content-Type": "application/json"})


tagged, whole = Api(version=1), Api(version=1)


@tagged.get("/employees/{emplid}", permission="isapi:read")
async def get_tagged_employee(call: Call, emplid: str) -> Encoded[Employee]:
    """One employee, whose tag is known."""
    return Encoded(encode(EMPLOYEE), etag='"known"')


@whole.get("/employees/{emplid}", permission="isapi:read")
async def get_employee(call: Call, emplid: str) -> Employee:
    """One employee."""
    return EMPLOYEE


class NoLimit(Limiter):
    """Everyone may ask as fast as they like."""

    def __init__(self) -> None:
        super().__init__(1.0, 1)

    def check(self, caller: str) -> None:
        pass

    def take(self, caller: str) -> None:
        pass


@attrs.frozen
class Variant:
    """A root application, and what stands before it."""

    app: web.Application
    front: Front | None = None

    async def runner(self) -> web.AppRunner:
        """The application set up to serve, as a worker does it."""
        runner = web.AppRunner(self.app, access_log=None)
        await runner.setup()
        if self.front is not None and runner.server is not None:
            self.front.stand_before(runner.server)
        return runner


@asynccontextmanager
async def bare() -> AsyncIterator[Variant]:
    app = web.Application()
    app.router.add_get(PATH, plain)
    yield Variant(app)


def mounted(
    api: Api, *, security_headers: bool = True, limit: bool = True
) -> Callable[[], AbstractAsyncContextManager[Variant]]:
    """What makes a root application with the kernel's middleware and one plugin, as a worker does."""

    @asynccontextmanager
    async def make() -> AsyncIterator[Variant]:
        if not security_headers:
            KERNEL_HEADERS.clear()
        connections = Connections(os.environ["BENCH_DSN"], 3)
        await connections.open()
        database = connections.database("serai")
        authenticator = Authenticator(database, log)
        await authenticator.start()
        quotas = Quotas(database, log)
        await quotas.start()
        table = RouteTable(Metrics())
        with tempfile.TemporaryDirectory(prefix="serai-bench-") as folder:
            access_log = AccessLog.to_file(Path(folder) / "access.log")
            root = web.Application()
            duties = Duties(
                table=table,
                authenticator=authenticator,
                quotas=quotas,
                proxies=Proxies(),
                limiter=Limiter(1e9, 1_000_000_000) if limit else NoLimit(),
                access_log=access_log,
                log=log,
                public_url=None,
            )
            duties.attach(root, {}, body_limit=65_536)
            mounts = Mounts(table, shutdown_grace=1.0)
            mounts.attach(root)
            policy = FieldPolicy()
            policy.declare(plugin_info().personal)
            context = GuestContext(
                "isapi",
                database=database,
                devices=cast(Devices, None),
                queue=cast(Queue, None),
                feed=cast(Feed, None),
                keys=cast(Keys, None),
                audit=cast(Audit, None),
                http=cast(Http, None),
                services=GuestServices("isapi", (), ServiceHouse()),
                fields=policy,
                failed=lambda error: None,
            )
            site = build_site(_routes(api), context, Cursors([b"bench"]), policy, cast(Any, None))
            await mounts.publish("isapi", site, start_limit=5.0)
            yield Variant(root, Front(mounts.paths, duties.serve))
            access_log.close()
        await quotas.stop()
        await authenticator.stop()
        await connections.close()

    return make


def _routes(api: Api) -> Routes:
    return Routes(
        name="isapi",
        version=version("serai-isapi"),
        summary="",
        info=PluginInfo(title="Bench", kernel=">=1.0,<2"),
        apis=[api],
        tables=[],
    )


VARIANTS = {
    "bare aiohttp route that encodes the same JSON": bare,
    "+ live mount, key, request id, metrics, access log": mounted(tagged, security_headers=False, limit=False),
    "+ security headers": mounted(tagged, limit=False),
    "+ ETag": mounted(whole, limit=False),
    "+ rate limit": mounted(whole),
}
"""Each one has what those before it have; all but the first have typed handlers."""


async def serve(variant: str, port: int) -> None:
    async with VARIANTS[variant]() as made:
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        runner = await made.runner()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        await stop.wait()
        await runner.cleanup()


async def measure(variant: str) -> None:
    async with VARIANTS[variant]() as made:
        authorization = f"Bearer {os.environ['BENCH_KEY']}"
        path = PATH.format(emplid="00000042")
        print(await microseconds(await made.runner(), path, {"Authorization": authorization}))


if __name__ == "__main__":
    chosen, where = sys.argv[1:]
    uvloop.run(measure(chosen) if where == "in-process" else serve(chosen, int(where)))
