"""Plugins that run in another deployment and are required here: `[services.NAME]`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import attrs
from packaging.requirements import Requirement

from serai.config.services import ServiceSettings
from serai.context import Http
from serai.errors import SeraiError, describe
from serai.hosting.declared import Declared
from serai.hosting.loading import Loader
from serai.hosting.services import ServiceHouse
from serai.hosting.states import Blocked, Code
from serai.identity.fields import FieldPolicy
from serai.outgoing.remote_api import RemoteApi
from serai.telemetry import logs

ASK_EVERY = 5.0
"""Seconds between two looks whether the plugin still serves there; one that has not changed sends a 304."""
ASK_LIMIT = 5.0
"""Seconds within which it has to say its version."""

log = logs.get(__name__)


@attrs.define
class Remote:
    """One plugin in another deployment."""

    name: str
    url: str
    version: str = ""
    """The last that it said; empty before."""
    trouble: str = "it has not been asked yet"
    """Why it cannot be used now; empty where it can."""
    hint: str = ""

    def unmet(self, requirement: Requirement, by: Declared, *, serving: bool) -> Blocked | None:
        """Why `by` shall not run; who is `serving` already goes on while the other deployment is away."""
        if self.version and not requirement.specifier.contains(self.version, prereleases=True):
            return Blocked(
                Code.MISSING_REQUIREMENT,
                f"{by.name} {by.version} requires {requirement}, at {self.url} runs {self.name} {self.version}",
                hint=f"Install a version of {by.name} that goes with it, or have {self.name} upgraded there.",
            )
        if self.trouble and not serving:
            return Blocked(
                Code.MISSING_REQUIREMENT,
                f"{by.name} requires {self.name}, which runs at {self.url}: {self.trouble}",
                hint=self.hint or f"It starts by itself when {self.name} answers.",
            )
        return None


class Remotes:
    """All of them, each asked every few seconds; what they offer is in the house of services from the first answer on.

    A plugin's client comes from its wheel, which is installed here though the plugin is not enabled.
    """

    def __init__(
        self,
        settings: Mapping[str, ServiceSettings],
        loader: Loader,
        http: Http,
        house: ServiceHouse,
        fields: FieldPolicy,
    ) -> None:
        self._apis = {name: RemoteApi(name, each.url, each.key, http) for name, each in settings.items()}
        self._remotes = {name: Remote(name, api.url) for name, api in self._apis.items()}
        self._loader = loader
        self._house = house
        self._fields = fields
        self.permissions: dict[str, str] = {}
        """What they declare: a personal field may be shown here to who holds one."""
        self._offered: set[str] = set()
        self._asked: set[str] = set()
        self._callbacks: list[Callable[[str], None]] = []
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to ask."""
        self._tasks = [
            asyncio.create_task(self._ask_forever(remote), name=f"remote:{remote.name}")
            for remote in self._remotes.values()
        ]

    async def stop(self) -> None:
        """Ask no more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def subscribe(self, callback: Callable[[str], None]) -> None:
        """Have `callback` called with the name of one that comes, goes or changes its version."""
        self._callbacks.append(callback)

    @property
    def asked(self) -> bool:
        """Whether each of them has been asked once: before, nobody knows who can start."""
        return self._asked == self._remotes.keys()

    def find(self, name: str) -> Remote | None:
        """The plugin of that name, where it runs elsewhere."""
        return self._remotes.get(name)

    async def _ask_forever(self, remote: Remote) -> None:
        while True:
            before = attrs.evolve(remote)
            try:
                await self._ask(remote)
            except SeraiError as error:
                remote.trouble, remote.hint = error.sentence, error.hint
            except TimeoutError:
                remote.trouble, remote.hint = f"it did not say its version within {ASK_LIMIT:g} s", ""
            except Exception as error:  # noqa: BLE001  the wheel of a guest may break in any way
                remote.trouble, remote.hint = f"its client cannot be made: {describe(error)}", ""
            self._asked.add(remote.name)
            if remote != before:
                log.info("service", name=remote.name, url=remote.url, version=remote.version, trouble=remote.trouble)
                for callback in self._callbacks:
                    callback(remote.name)
            await asyncio.sleep(ASK_EVERY)

    async def _ask(self, remote: Remote) -> None:
        """Look whether it serves. Raises `SeraiError` where it cannot be used."""
        if remote.name not in self._offered:
            await self._offer(remote.name)
        async with asyncio.timeout(ASK_LIMIT):
            remote.version = await self._apis[remote.name].version()
        remote.trouble = remote.hint = ""

    async def _offer(self, name: str) -> None:
        declared = await self._loader.provider(name)
        self._fields.declare(declared.info.personal)
        self.permissions |= declared.info.permissions
        for service in declared.info.services:
            if service.client is not None:
                self._house.offer(name, service.protocol, service.client(self._apis[name]))
        self._offered.add(name)
