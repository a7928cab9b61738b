"""API keys and the addresses they are used from."""

from __future__ import annotations

import hashlib
import re
from ipaddress import ip_address, ip_network

import pytest

from serai.identity import keys
from serai.identity.addresses import Proxies, limit_key


def test_a_key_has_its_prefix_256_bits_and_a_checksum_that_fits():
    made = {keys.make_key() for _ in range(50)}
    assert len(made) == 50
    assert all(re.fullmatch(r"srk_[0-9A-Za-z]{49}", key) and keys.is_key(key) for key in made)


def test_a_typo_is_not_a_key():
    key = keys.make_key()
    for place in range(len(key)):
        other = "A" if key[place] != "A" else "B"
        assert not keys.is_key(key[:place] + other + key[place + 1 :]), place
    assert not any(keys.is_key(text) for text in ("", "srk_", key[:-1], key + "0", f" {key}", key + "\n", key.upper()))


def test_what_is_stored_is_the_sha256_of_the_key():
    key = keys.make_key()
    assert keys.digest(key) == hashlib.sha256(key.encode()).digest()


def test_base62_is_of_fixed_width():
    assert keys.base62(0, 3) == "000"
    assert keys.base62(62**3 - 1, 3) == "zzz"
    assert keys.base62(61 * 62 + 10, 2) == "zA"


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("198.51.100.7", (), "198.51.100.7"),
        ("198.51.100.7", ("192.0.2.1",), "198.51.100.7"),  # not our proxy: its word does not count
        ("10.0.0.1", ("192.0.2.1",), "192.0.2.1"),
        ("10.0.0.1", ("203.0.113.9, 192.0.2.1",), "192.0.2.1"),  # the left one was sent by the client
        ("10.0.0.1", ("203.0.113.9", "192.0.2.1, 10.0.0.2"), "192.0.2.1"),  # two proxies, two headers
        ("::ffff:10.0.0.1", ("192.0.2.1",), "192.0.2.1"),
        ("10.0.0.1", ("unknown",), "10.0.0.1"),
        ("10.0.0.1", ("", "10.0.0.3"), "10.0.0.3"),
        ("10.0.0.1", (), "10.0.0.1"),
        ("10.0.0.1", ("2001:db8::1",), "2001:db8::1"),
    ],
)
def test_the_client_is_the_nearest_address_that_is_not_our_proxy(peer, forwarded, client):
    assert Proxies([ip_network("10.0.0.0/8")]).client(peer, forwarded) == ip_address(client)


def test_over_a_local_socket_there_is_no_address():
    assert Proxies([ip_network("10.0.0.0/8")]).client(None, ("192.0.2.1",)) is None
    assert Proxies().client("", ()) is None


def test_an_unknown_caller_counts_by_address_and_an_ipv6_caller_by_network():
    assert limit_key(ip_address("192.0.2.1")) == "192.0.2.1"
    assert limit_key(ip_address("2001:db8::1")) == limit_key(ip_address("2001:db8::ffff:2")) == "2001:db8::/64"
    assert limit_key(ip_address("2001:db8:0:1::1")) != limit_key(ip_address("2001:db8::1"))
