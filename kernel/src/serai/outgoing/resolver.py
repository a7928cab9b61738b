"""Looks names up and leaves out the addresses that may not be reached."""

from __future__ import annotations

import socket
from ipaddress import ip_address

from aiohttp.abc import AbstractResolver, ResolveResult

from serai.outgoing.errors import AddressRefused
from serai.outgoing.policy import Policy


class GuardedResolver(AbstractResolver):
    """Asks `resolver` once for each new connection, which goes to one of the very addresses returned.

    So a name whose address changes between two look-ups gains nothing: there is no second one.
    """

    def __init__(self, policy: Policy, resolver: AbstractResolver) -> None:
        self._policy = policy
        self._resolver = resolver

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of `host` that may be reached. Raises `AddressRefused` where there are none."""
        found = await self._resolver.resolve(host, port, family)
        refusals = [self._policy.refusal(ip_address(each["host"].partition("%")[0]), port) for each in found]
        allowed = [each for each, refusal in zip(found, refusals, strict=True) if refusal is None]
        if found and not allowed:
            raise AddressRefused(host, refusals[0] or "")
        return allowed

    async def close(self) -> None:
        await self._resolver.close()
