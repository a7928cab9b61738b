"""Which addresses may be reached: pure, but for asking whether an address is this host's own."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_CLOSED: dict[Network, str] = {
    ip_network(network): kind
    for kind, networks in {
        "a loopback address": ["127.0.0.0/8", "::1/128"],
        # Before link-local, in which most of them lie.
        "an address where clouds keep credentials": [
            "169.254.169.254/32",
            "169.254.170.2/32",
            "100.100.100.200/32",
            "168.63.129.16/32",
            "192.0.0.192/32",
            "fd00:ec2::254/128",
        ],
        "a link-local address": ["169.254.0.0/16", "fe80::/10"],
        "a multicast address": ["224.0.0.0/4", "ff00::/8"],
        "an unspecified or reserved address": ["0.0.0.0/8", "240.0.0.0/4", "::/96", "2001::/32"],
    }.items()
    for network in networks
}
"""What is never reached unless it is listed, and what it is (RFC 6890). The first one that holds an address counts."""

_NAT64 = ip_network("64:ff9b::/96")


class Policy:
    """`allow`: networks that may be reached, all public and private ones where it is empty.

    Networks that are closed by themselves are opened by an entry that lies within them, not by a wider one; what this
    deployment itself listens on (`listener`, the port of `kernel.listen`), by an entry for the one address.
    """

    def __init__(self, allow: Sequence[str] = (), *, listener: int | None = None) -> None:
        self._allow = [ip_network(network) for network in allow]
        self._listener = listener

    @classmethod
    def everywhere(cls) -> Policy:
        """Refuses nothing: for programs that decide themselves where they go."""
        return cls([*map(str, _CLOSED), "0.0.0.0/0", "::/0"])

    def refusal(self, address: Address, port: int) -> str | None:
        """What speaks against connecting to `address`: `it is a loopback address`; None where it is allowed."""
        address = _plain(address)
        listed = [network for network in self._allow if address in network]
        for closed, kind in _CLOSED.items():
            if address in closed:
                opened = any(_within(network, closed) for network in listed)
                if not opened:
                    return f"it is {kind}"
                break
        else:
            if self._allow and not listed:
                return "it is in none of the networks that are allowed"
        exact = any(network.num_addresses == 1 for network in listed)
        if port == self._listener and not exact and _is_own(address):
            return "it is this deployment itself"
        return None


def _plain(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for (mapped, 6to4, NAT64: RFC 4291, 3056, 6052); else the address."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _within(network: Network, closed: Network) -> bool:
    return network.version == closed.version and network.subnet_of(closed)  # type: ignore[arg-type]  # same version


def _is_own(address: Address) -> bool:
    """Whether the address is one of this host's: only those can be bound."""
    family = socket.AF_INET if isinstance(address, IPv4Address) else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((str(address), 0))
        except OSError:
            return False
    return True
