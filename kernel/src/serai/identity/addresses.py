"""From which address a request comes, also behind proxies."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class Proxies:
    """The proxies in front of us, whose word in `X-Forwarded-For` counts."""

    def __init__(self, networks: Sequence[Network] = ()) -> None:
        self._networks = tuple(networks)

    def client(self, peer: str | None, forwarded: Sequence[str]) -> Address | None:
        """The nearest address that is not one of our proxies; None over a local socket.

        `peer` is the connection's other end, `forwarded` the values of the `X-Forwarded-For` headers. They are read
        from the right, where the nearest proxy wrote, and only as far as proxies wrote them: what stands further left
        anyone can invent.
        """
        address = _parse(peer or "")
        entries = ",".join(forwarded).split(",")
        while entries and address is not None and self._is_proxy(address):
            before = _parse(entries.pop())
            if before is None:
                break
            address = before
        return address

    def _is_proxy(self, address: Address) -> bool:
        return any(address in network for network in self._networks)


def limit_key(address: Address | None) -> str:
    """Whom a limit on an unknown caller counts: an IPv4 address, or the /64 that one IPv6 customer holds."""
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, 64), strict=False))
    return str(address)


def _parse(text: str) -> Address | None:
    try:
        address = ip_address(text.strip())
    except ValueError:
        return None
    # A socket that listens on IPv6 sees IPv4 callers as ::ffff:192.0.2.1.
    return getattr(address, "ipv4_mapped", None) or address
