"""Puts one deployment together in a worker process: database, devices, jobs, routes, plugins; and takes it apart."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from importlib.metadata import version
from ipaddress import ip_network

from aiohttp import web

from serai.app.control import BACKLOG, Greeting, Message
from serai.app.demo import DEMO_CLIENT, banner
from serai.app.kernel_api import KERNEL, add_kernel_api
from serai.app.probes import Probes
from serai.config.deployment import Deployment
from serai.context import Relations
from serai.data.connections import Connections
from serai.data.migrations import KERNEL_LOCATION, Migrations
from serai.data.tables import SCHEMA
from serai.devices import DeviceHouse
from serai.errors import SeraiError, describe
from serai.hosting.binding import bind_devices
from serai.hosting.context import GuestContext
from serai.hosting.entry_points import PLUGINS, installed
from serai.hosting.guest import Services
from serai.hosting.host import Host
from serai.hosting.loading import Loader
from serai.hosting.permissions import Permissions
from serai.hosting.remotes import Remotes
from serai.hosting.reports import Reporter
from serai.hosting.services import GuestServices, ServiceHouse
from serai.identity import clients
from serai.identity.addresses import Proxies
from serai.identity.audit import AuditLog
from serai.identity.authenticator import Authenticator
from serai.identity.disclosures import Disclosures
from serai.identity.fields import FieldPolicy
from serai.identity.jobs import JOBS
from serai.identity.keyring import Keyring
from serai.identity.quotas import Quotas
from serai.outgoing.client import HttpClient
from serai.outgoing.policy import Policy
from serai.telemetry import logs
from serai.telemetry.access import AccessLog
from serai.telemetry.metrics import Metrics
from serai.web.cursors import Cursors
from serai.web.duties import Duties
from serai.web.front import Front
from serai.web.limits import Limiter
from serai.web.mounts import Mounts
from serai.web.route_table import RouteTable
from serai.webhooks.service import Webhooks
from serai.work.feed import Feed
from serai.work.retention import Retention
from serai.work.runner import JobRunner
from serai.work.subscriptions import Subscriptions
from serai.work.task_runner import TaskRunner

KEEPALIVE = 75.0
"""Seconds that an idle connection is kept: it holds on to the last plugin that answered on it."""
LET_GO = 2.0
"""Seconds that busy connections get, when the worker drains, to be told with an answer that they are closed."""
CUT = 10.0
"""Seconds after the grace time in which connections end that their plugins have let go of."""

log = logs.get(__name__)


class Serving:
    """One worker's deployment. What is opened is closed in reverse order, also when opening fails half-way."""

    def __init__(self, deployment: Deployment, greeting: Greeting, send: Callable[[Message], None]) -> None:
        self._deployment = deployment
        self._kernel = deployment.kernel
        self._greeting = greeting
        self._send = send
        self._process_id = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._stack = AsyncExitStack()
        self._host: Host | None = None
        self._site: web.SockSite | None = None

    async def open(self, listener: socket.socket) -> None:
        """Open everything and begin to start the plugins.

        It serves on the listening socket from now on, so that a slow plugin holds up no other; beside another worker
        that serves already, only when all are settled, so that nobody is sent from one that serves to one that starts.
        """
        kernel = self._kernel
        connections = Connections(self._greeting.dsn, kernel.database_connections)
        await connections.open()
        self._stack.push_async_callback(connections.close)
        migrations = Migrations(connections)
        await self._migrate(migrations)
        database = connections.database(SCHEMA)
        if self._greeting.demo_key is not None and kernel.demo is not None:
            await clients.ensure_client(
                database,
                name=DEMO_CLIENT,
                owner="serai run",
                key=self._greeting.demo_key,
                scopes=kernel.demo.scopes,
            )
        authenticator = Authenticator(database, log)
        await authenticator.start()
        self._stack.push_async_callback(authenticator.stop)
        quotas = Quotas(database, log)
        await quotas.start()
        self._stack.push_async_callback(quotas.stop)
        disclosures = Disclosures(database, log, kept_months=kernel.access_log_kept_months)
        await disclosures.start()
        self._stack.push_async_callback(disclosures.stop)
        metrics = Metrics()
        access_log = AccessLog.to_file(kernel.state_dir / "log" / "access.log")
        self._stack.callback(access_log.close)
        table = RouteTable(metrics)
        mounts = Mounts(table, shutdown_grace=kernel.stop_grace)
        duties = Duties(
            table=table,
            authenticator=authenticator,
            proxies=Proxies([ip_network(network) for network in kernel.trusted_proxies]),
            limiter=Limiter(kernel.client_rate, kernel.client_burst),
            quotas=quotas,
            access_log=access_log,
            log=log,
            public_url=kernel.public_url,
        )
        jobs = JobRunner(database, self._process_id, lambda: datetime.now(UTC), log)
        await jobs.start()
        self._stack.push_async_callback(jobs.stop, kernel.stop_grace)
        offered = ServiceHouse()
        fields = FieldPolicy(
            self._deployment.fields,
            lambda: offered.find(Relations),  # type: ignore[type-abstract]  # a Protocol is what it takes
            disclosures,
        )
        http = HttpClient(Policy(kernel.outgoing.allow, listener=listener.getsockname()[1]))
        self._stack.push_async_callback(http.close)
        tasks = TaskRunner(database, self._process_id, log)
        tasks.start()
        self._stack.push_async_callback(tasks.stop, kernel.stop_grace)
        feed = Feed(database)
        feed.start()
        retention = Retention(database, kernel.feed_kept_days, log)
        retention.start()
        self._stack.push_async_callback(retention.stop)
        webhooks = Webhooks(database, tasks=tasks, feed=feed, http=http, log=log)
        devices = DeviceHouse(database, self._process_id, kernel.state_dir, log)
        keys = [key.encode() for key in self._greeting.keys]
        cursors, keyring = Cursors(keys), Keyring(keys)
        loader = Loader(self._deployment, installed(PLUGINS), kernel.start_timeout)
        remotes = Remotes(self._deployment.services, loader, http, offered, fields)
        remotes.start()
        self._stack.push_async_callback(remotes.stop)
        host = self._host = Host(
            self._deployment,
            Services(
                connections=connections,
                kernel_database=database,
                keyring=keyring,
                migrations=migrations,
                devices=devices,
                jobs=jobs,
                tasks=tasks,
                http=http,
                feed=feed,
                webhook_topics=webhooks.topics,
                subscriptions=Subscriptions(database, feed, self._process_id, log),
                mounts=mounts,
                cursors=cursors,
                public_url=kernel.public_url,
                start_timeout=kernel.start_timeout,
                stop_grace=kernel.stop_grace,
                auto_migrate=kernel.auto_migrate,
                offered=offered,
                remotes=remotes,
                fields=fields,
            ),
            database,
            Reporter(database, self._process_id, version("serai")),
            suspects=self._greeting.suspects,
            notice=lambda event, name: self._send(Message(event=event, text=name)),
        )
        root = web.Application(client_max_size=kernel.body_limit_max)
        context = GuestContext(
            KERNEL,
            database=database,
            devices=devices,
            queue=tasks.queue_of(KERNEL, ()),
            feed=feed,
            keys=keyring.of(KERNEL, ()),
            audit=AuditLog(database, KERNEL, fields),
            http=http,
            services=GuestServices(KERNEL, (), offered),
            fields=fields,
            failed=self._kernel_task_failed,
        )
        context.provide(Permissions, Permissions(host.permissions))
        context.provide(Keyring, keyring)
        await jobs.add(KERNEL, version("serai"), JOBS, context, None)
        self._stack.push_async_callback(context.end_tasks, kernel.stop_grace)
        webhooks.start(context, version("serai"))
        self._stack.push_async_callback(webhooks.stop)
        access = {**Probes(host, database, metrics).attach(root), **add_kernel_api(root, context, cursors)}
        duties.attach(root, access, body_limit=64 * 1024)
        mounts.attach(root)
        _gauge(metrics, host, devices)
        await host.announce()
        await devices.start(await bind_devices(self._deployment))
        self._stack.push_async_callback(devices.stop)
        runner = web.AppRunner(
            root, access_log=None, keepalive_timeout=KEEPALIVE, shutdown_timeout=self._kernel.stop_grace
        )
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        assert runner.server is not None
        Front(mounts.paths, duties.serve).stand_before(runner.server)
        self._site = web.SockSite(runner, listener, backlog=BACKLOG)
        await host.open()
        self._stack.push_async_callback(self._leave, host, duties, feed, runner)
        if not self._greeting.beside:
            await self._site.start()

    async def announce_ready(self) -> None:
        """Tell the supervisor when every plugin is settled and those that must serve do; show a demo's way in."""
        assert self._host is not None
        assert self._site is not None
        host = self._host
        while not host.settled or host.fatal:
            await host.changed()
        if self._greeting.beside:
            await self._site.start()
        if self._kernel.demo is None:
            self._send(Message(event="ready", text=f"ready on http://{self._kernel.listen}"))
            return
        await self._wait_well(host)
        self._send(Message(event="ready", text=banner(self._kernel, self._greeting.demo_key or "")))

    async def close(self) -> None:
        """Stop accepting, finish what is in flight, stop the plugins, let go of everything."""
        await self._stack.aclose()

    async def _wait_well(self, host: Host) -> None:
        """A demo is announced when its plugins have something to show; until then, how far they are."""
        shown: set[str] = set()
        while any(report.status.state == "degraded" for report in host.reports):
            for report in host.reports:
                line = f"{report.plugin}: {report.status.reason}"
                if report.status.reason and line not in shown:
                    shown.add(line)
                    self._send(Message(event="progress", text=line))
            await host.changed()

    async def _migrate(self, migrations: Migrations) -> None:
        """Migrate the kernel's own schema where it is empty or that is allowed. Raises `SeraiError` where it is not."""
        status = await migrations.status(SCHEMA, KERNEL_LOCATION)
        if status.state == "empty" or (status.state == "behind" and self._kernel.auto_migrate):
            await migrations.upgrade(SCHEMA, KERNEL_LOCATION)
        elif status.state == "behind":
            raise SeraiError(
                f"the kernel's schema is at {status.current}, serai {version('serai')} needs {status.head}",
                hint=f"Run `serai db upgrade {SCHEMA}`.",
            )
        elif status.state == "ahead":
            raise SeraiError(
                f"the kernel's schema is at {status.current}, which serai {version('serai')} does not know",
                hint="Install the newer serai again.",
            )

    def _kernel_task_failed(self, error: BaseException) -> None:
        log.error("a task of the kernel's own routes failed", error=describe(error))

    async def _leave(self, host: Host, duties: Duties, feed: Feed, runner: web.AppRunner) -> None:
        """Stop accepting, let connections end between two requests, then end the plugins with what they still do."""
        for site in list(runner.sites):
            await site.stop()
        # Whoever is busy is told by an answer that its connection closes, and comes back to another worker; closing
        # under it could cut a request that is just being sent.
        duties.let_go = True
        feed.leaving.set()
        server = runner.server
        assert server is not None
        deadline = time.monotonic() + LET_GO
        while server.connections and time.monotonic() < deadline:  # noqa: ASYNC110  aiohttp has no event for it
            await asyncio.sleep(0.02)
        server.pre_shutdown()
        await asyncio.gather(host.close(), server.shutdown(self._kernel.stop_grace + CUT))


def _gauge(metrics: Metrics, host: Host, devices: DeviceHouse) -> None:
    metrics.gauge(
        "serai_plugin_serving",
        "1 where the plugin serves in this process",
        lambda: [
            ({"plugin": report.plugin, "state": str(report.status.state)}, float(report.status.state.serves))
            for report in host.reports
        ],
    )
    metrics.gauge(
        "serai_device_ready",
        "1 where the device is ready in this process",
        lambda: [
            ({"device": state.name, "driver": state.driver, "state": state.state}, float(state.state == "ready"))
            for state in devices.states()
        ],
    )
