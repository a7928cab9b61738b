"""One plugin in this process: its state, and how it gets from one to the next."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import attrs

from serai.context import Database
from serai.data.connections import Connections
from serai.data.database import SchemaDatabase
from serai.data.migrations import Migrations
from serai.declarations import Health
from serai.devices import DeviceHouse
from serai.errors import Problem, SeraiError
from serai.hosting.backoff import Backoff
from serai.hosting.context import GuestContext, GuestFeed
from serai.hosting.declared import Declared
from serai.hosting.life import Life
from serai.hosting.remotes import Remotes
from serai.hosting.schema import check_schema
from serai.hosting.services import GuestServices, ServiceHouse
from serai.hosting.states import Code, State, Status, Trouble
from serai.identity import encrypted
from serai.identity.audit import AuditLog
from serai.identity.fields import FieldPolicy
from serai.identity.keyring import Keyring
from serai.outgoing.client import HttpClient
from serai.telemetry import logs
from serai.telemetry.current import plugin as current_plugin
from serai.web.cursors import Cursors
from serai.web.mounts import Mounts, StandIn
from serai.web.plugin_app import build_site
from serai.webhooks.topics import TopicBook
from serai.work.feed import Feed
from serai.work.runner import JobRunner
from serai.work.subscriptions import Subscriptions
from serai.work.task_runner import TaskRunner

HEALTH_EVERY = 5.0
SLOW_START = 10.0
STEADY_AFTER = 60.0
"""Seconds of serving after which earlier failures no longer lengthen the next pause."""

log = logs.get(__name__)


@attrs.frozen(kw_only=True)
class Services:
    """What the kernel's lower floors offer to the plugins of one process."""

    connections: Connections
    kernel_database: Database
    """Schema `serai`."""
    keyring: Keyring
    migrations: Migrations
    devices: DeviceHouse
    jobs: JobRunner
    tasks: TaskRunner
    http: HttpClient
    feed: Feed
    subscriptions: Subscriptions
    webhook_topics: TopicBook
    mounts: Mounts
    start_timeout: float
    stop_grace: float
    auto_migrate: bool
    cursors: Cursors
    offered: ServiceHouse
    remotes: Remotes
    fields: FieldPolicy
    public_url: str | None


class Guest:
    """An enabled plugin that could be imported. `changed` is called after every change of its status."""

    def __init__(
        self, declared: Declared, settings: object | None, services: Services, changed: Callable[[], None]
    ) -> None:
        self.declared = declared
        self.name = declared.name
        services.fields.declare(declared.info.personal)
        self.restart = 0
        """The count of asked restarts that this process has carried out."""
        self.backoff = Backoff()
        self._settings = settings
        self._services = services
        self._changed = changed
        self._served_since = 0.0
        self._context: GuestContext | None = None
        self._database: SchemaDatabase | None = None
        self._life: Life | None = None
        self._mounted = False
        self._health: asyncio.Task[None] | None = None
        self._look = asyncio.Event()
        self._failing: Trouble | None = None
        self.status = Status(state=State.STOPPED, since=datetime.now(UTC))
        self._show()

    # -- state -------------------------------------------------------------------------------------------------

    def become(self, state: State, code: Code = Code.NONE, reason: str = "", hint: str = "") -> None:
        """Take a state; the time of the change moves only when the state does."""
        old = self.status
        since = old.since if old.state is state else datetime.now(UTC)
        self.status = Status(state=state, since=since, code=code, reason=reason, hint=hint)
        if self.status == old:
            return
        if old.state is not state:
            log.info("plugin state", plugin=self.name, state=str(state), code=str(code), reason=reason, hint=hint)
        self._show()
        self._changed()

    def uses(self, device: str) -> bool:
        """Whether the plugin has asked for that device since it started."""
        return self._context is not None and device in self._context.devices_used

    @property
    def failing(self) -> Trouble | None:
        """What went wrong while it served; the host then calls `stop` with it."""
        return self._failing

    # -- start -------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start the plugin: ends in a serving state, or `blocked` or `failed` with the reason; never raises."""
        self._failing = None
        self.backoff.trying()
        self.become(State.STARTING)
        slow = asyncio.get_running_loop().call_later(SLOW_START, self._name_slowness)
        try:
            await self._enter()
        except asyncio.CancelledError:
            await self._give_up(Trouble(Code.START_FAILED, f"{self.name} was stopped while it started"))
            raise
        except Exception as error:  # noqa: BLE001  whatever a guest raises ends with its own state
            await self._give_up(self._trouble(error))
        else:
            if self._failing is not None:  # a task that it spawned failed already
                await self._give_up(self._failing)
                return
            self._served_since = time.monotonic()
            await self._check_health()
            self._health = asyncio.create_task(self._watch_health(), name=f"{self.name}:health")
        finally:
            slow.cancel()

    async def _enter(self) -> None:
        declared, services = self.declared, self._services
        if declared.migrations is not None:
            await check_schema(services.migrations, declared, auto_migrate=services.auto_migrate)
        database = self._database = services.connections.database(self.name)
        await encrypted.declare(services.kernel_database, self.name, declared.info.encrypted)
        context = self._context = GuestContext(
            self.name,
            database=database,
            devices=services.devices,
            queue=services.tasks.queue_of(self.name, declared.tasks),
            feed=GuestFeed(self.name, services.feed, declared.info.topics),
            keys=services.keyring.of(self.name, declared.info.encrypted),
            audit=AuditLog(services.kernel_database, self.name, services.fields),
            http=services.http,
            services=GuestServices(self.name, declared.info.services, services.offered),
            fields=services.fields,
            failed=self._fail,
        )
        if self._settings is not None:
            context.provide(type(self._settings), self._settings)
        async with asyncio.timeout(services.start_timeout):
            if "lifespan" in declared.hooks:
                self._life = Life(self.name, self._call("lifespan", context), self._ended)
                await self._life.enter()
            site = build_site(
                declared.routes, context, services.cursors, services.fields, services.feed, services.public_url
            )
            await services.mounts.publish(self.name, site, start_limit=services.start_timeout)
            self._mounted = True
            await services.jobs.add(self.name, declared.version, declared.jobs, context, self._settings)
            await services.subscriptions.add(self.name, declared.subscriptions, context)
            services.tasks.add(self.name, declared.version, declared.tasks, context)
            services.webhook_topics.add(self.name, declared.followed(context))

    def _call(self, hook: str, context: GuestContext) -> Any:
        token = current_plugin.set(self.name)
        try:
            return getattr(self.declared.hook, hook)(ctx=context)[0]
        finally:
            current_plugin.reset(token)

    def _trouble(self, error: Exception) -> Trouble:
        """The trouble that an error at start means, with a sentence that names the plugin."""
        if isinstance(error, Trouble):
            return error
        if isinstance(error, TimeoutError):
            limit = self._services.start_timeout
            return Trouble(
                Code.START_TIMEOUT,
                f"{self.name} {self.declared.version} did not start within {limit:g} s",
                hint="It waits in `lifespan`: look at its log, or raise kernel.start_timeout.",
            )
        if isinstance(error, SeraiError):
            return Trouble(Code.START_FAILED, f"{self.name} cannot start: {error.sentence}", hint=error.hint)
        log.error("plugin raised at start", plugin=self.name, exc_info=error)
        return Trouble(
            Code.START_FAILED,
            f"{self.name} {self.declared.version} raised at start: {type(error).__name__}: {error}",
            hint="The log holds the trace; it is tried again by itself.",
        )

    async def _give_up(self, trouble: Trouble) -> None:
        await self._leave(grace=0.0)
        self._failing = None
        self._settle(trouble)

    def _settle(self, trouble: Trouble) -> None:
        """Be blocked or failed for this reason; failed plugins are tried again later and later."""
        if trouble.blocked:
            self.become(State.BLOCKED, trouble.code, trouble.sentence, trouble.hint)
            return
        if self._served_since and time.monotonic() - self._served_since > STEADY_AFTER:
            self.backoff.reset()
        self.backoff.failed()
        self.become(State.FAILED, trouble.code, trouble.sentence, trouble.hint)

    def _name_slowness(self) -> None:
        self.become(
            State.STARTING,
            Code.SLOW_START,
            f"{self.name} {self.declared.version} has been starting for {SLOW_START:g} s",
            f"It is given up after {self._services.start_timeout:g} s.",
        )

    # -- stop --------------------------------------------------------------------------------------------------

    async def stop(self, then: Status | Trouble) -> None:
        """Drain and stop the plugin, then take the state that `then` says; never raises."""
        self.become(State.DRAINING, reason=then.reason if isinstance(then, Status) else then.sentence)
        await self._leave(grace=self._services.stop_grace)
        self._failing = None
        if isinstance(then, Trouble):
            self._settle(then)
        else:
            self.become(then.state, then.code, then.reason, then.hint)

    async def _leave(self, *, grace: float) -> None:
        """Let go of everything in reverse order; what goes wrong on the way is logged, the rest still happens."""
        if self._health is not None:
            self._health.cancel()
            self._health = None
        self._services.webhook_topics.remove(self.name)
        if self._context is not None:
            self._context.stopping.set()
        draining: list[Awaitable[object]] = [
            self._services.jobs.remove(self.name, grace),
            self._services.subscriptions.remove(self.name, grace),
            self._services.tasks.remove(self.name, grace),
        ]
        if self._mounted:
            draining.append(self._services.mounts.withdraw(self.name, grace))
        for outcome in await asyncio.gather(*draining, return_exceptions=True):
            self._complain("draining", outcome)
        self._mounted = False
        self._services.offered.withdraw(self.name)
        if self._context is not None:
            stuck = await self._context.end_tasks(timeout=max(grace, 1.0))
            if stuck:
                log.warning("tasks do not end", plugin=self.name, tasks=stuck)
        if self._life is not None:
            self._complain("leaving its lifespan", await self._life.leave(timeout=max(grace, 1.0)))
        if self._database is not None:
            await self._database.close()
        self._life = self._context = self._database = None

    def _complain(self, when: str, outcome: object) -> None:
        if isinstance(outcome, BaseException):
            log.warning("plugin raised", plugin=self.name, when=when, error=f"{type(outcome).__name__}: {outcome}")

    # -- while it serves ---------------------------------------------------------------------------------------

    def _ended(self, error: BaseException | None) -> None:
        what = "ended" if error is None else f"raised {type(error).__name__}: {error}"
        self._report_failure(Trouble(Code.ENDED_EARLY, f"the lifespan of {self.name} {what} while it was serving"))

    def _fail(self, error: BaseException) -> None:
        log.error("a spawned task failed", plugin=self.name, exc_info=error)
        sentence = f"a task that {self.name} spawned raised {type(error).__name__}: {error}"
        self._report_failure(Trouble(Code.ENDED_EARLY, sentence, hint="The log holds the trace."))

    def _report_failure(self, trouble: Trouble) -> None:
        self._failing = self._failing or trouble
        self._changed()

    def look_again(self) -> None:
        """Check the health now instead of in a few seconds: a device or a service changed."""
        self._look.set()

    async def _watch_health(self) -> None:
        while True:
            try:
                async with asyncio.timeout(HEALTH_EVERY):
                    await self._look.wait()
            except TimeoutError:
                pass
            self._look.clear()
            await self._check_health()

    async def _check_health(self) -> None:
        """Ask the plugin, its devices and services that run elsewhere how they are: `running` or `degraded`."""
        context = self._context
        if context is None or self._failing is not None:
            return
        for name in sorted(context.devices_used):
            device = context.devices.state(name)
            if device.state != "ready":
                reason = f"the device {name} ({device.driver}) is {device.state}: {device.reason}".removesuffix(": ")
                self.become(State.DEGRADED, Code.DEVICE_DOWN, reason, device.hint)
                return
        for requirement in self.declared.requires:
            remote = self._services.remotes.find(requirement.name)
            if remote is not None and remote.trouble:
                reason = f"{remote.name}, which runs at {remote.url}: {remote.trouble}"
                self.become(State.DEGRADED, Code.SERVICE_DOWN, reason, remote.hint)
                return
        health = await self._ask_health(context)
        if context is not self._context:
            return
        if health.ok:
            self.become(State.RUNNING, reason=health.detail)
        else:
            self.become(State.DEGRADED, Code.UNHEALTHY, health.detail, health.hint)

    async def _ask_health(self, context: GuestContext) -> Health:
        if "health" not in self.declared.hooks:
            return Health(ok=True)
        try:
            async with asyncio.timeout(HEALTH_EVERY):
                answer = await self._call("health", context)
        except TimeoutError:
            return Health(ok=False, detail=f"its health check took longer than {HEALTH_EVERY:g} s")
        except Problem as problem:
            return Health(ok=False, detail=problem.sentence, hint=problem.hint)
        except Exception as error:  # noqa: BLE001  whatever a guest raises ends with its own state
            return Health(ok=False, detail=f"its health check raised {type(error).__name__}: {error}")
        if not isinstance(answer, Health):
            return Health(ok=False, detail=f"its health check returned {type(answer).__name__}, expected Health")
        return answer

    def _show(self) -> None:
        """Let the stand-in at the plugin's prefix tell the present state."""
        if not self._mounted:
            self._services.mounts.stand_in(self.name, stand_in_of(self.status))


def stand_in_of(status: Status) -> StandIn:
    """What is answered under the prefix of a plugin in this state."""
    return StandIn(state=str(status.state), reason=status.reason or str(status.state), hint=status.hint)
