"""What the plugins of one process offer each other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from serai.declarations import Service
from serai.devices.satisfying import missing
from serai.errors import PluginError, Unavailable

T = TypeVar("T")


class ServiceHouse:
    """The services of all running plugins, by the Protocol."""

    def __init__(self) -> None:
        self._offered: dict[type[Any], tuple[str, Any]] = {}

    def offer(self, plugin: str, protocol: type[T], service: T) -> None:
        """Let others find the service. Raises `PluginError` where another plugin offers the same."""
        other, _ = self._offered.get(protocol, (plugin, None))
        if other != plugin:
            raise PluginError(
                f"{plugin} offers {protocol.__name__}, which {other} offers already",
                hint="One plugin offers a service: take one of both out of kernel.plugins.",
            )
        self._offered[protocol] = plugin, service

    def find(self, protocol: type[T]) -> T | None:
        """What a running plugin offers, or None."""
        offered = self._offered.get(protocol)
        return None if offered is None else offered[1]

    def withdraw(self, plugin: str) -> None:
        """Forget what the plugin offers: it stops."""
        self._offered = {protocol: entry for protocol, entry in self._offered.items() if entry[0] != plugin}


class GuestServices:
    """The house as one plugin sees it (`serai.Services`)."""

    def __init__(self, plugin: str, declared: Iterable[Service[Any]], house: ServiceHouse) -> None:
        self._plugin = plugin
        self._declared = {service.protocol for service in declared}
        self._house = house

    def offer(self, protocol: type[T], service: T) -> None:
        if protocol not in self._declared:
            raise PluginError(
                f"{self._plugin} offers {protocol.__name__}, which it does not declare",
                hint=f"PluginInfo(services=[{protocol.__name__}])",
            )
        if lacking := missing(service, protocol):
            raise PluginError(
                f"{self._plugin} offers as {protocol.__name__} a {type(service).__name__},"
                f" which has no {', '.join(lacking)}"
            )
        self._house.offer(self._plugin, protocol, service)

    def get(self, protocol: type[T]) -> T:
        service = self._house.find(protocol)
        if service is None:
            raise Unavailable(
                f"no running plugin offers {protocol.__name__}", hint="`serai status` shows whether its plugin serves"
            )
        return service
