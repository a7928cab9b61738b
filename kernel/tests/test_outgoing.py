from __future__ import annotations

import asyncio
import socket
from ipaddress import ip_address

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver

from serai.errors import Refused, Unavailable
from serai.outgoing.client import HttpClient
from serai.outgoing.policy import Policy

LOOPBACK = ["127.0.0.0/8"]


class Names(AbstractResolver):
    """A resolver whose answers are given, one after another; the last one stays."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def resolve(self, host, port=0, family=socket.AF_INET):
        self.asked += 1
        addresses = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            {"hostname": host, "host": each, "port": port, "family": socket.AF_INET, "proto": 0, "flags": 0}
            for each in addresses
        ]

    async def close(self) -> None:
        pass


@pytest.fixture
async def clients():
    opened = []

    def make(allow=LOOPBACK, resolver=None, **options) -> HttpClient:
        opened.append(HttpClient(Policy(allow, **options), resolver))
        return opened[-1]

    yield make
    for each in opened:
        await each.close()


@pytest.fixture
async def receiver(aiohttp_server):
    """A server that notes the paths it was asked for."""
    paths = []

    async def answer(request: web.Request) -> web.StreamResponse:
        paths.append(request.path)
        if request.path == "/away":
            raise web.HTTPFound("/secret", headers={"X-Seen": "yes"})
        if request.path == "/long":
            return web.Response(body=b"x" * 5000)
        if request.path == "/slow":
            await asyncio.sleep(5)
        return web.json_response({"got": await request.text(), "cookie": request.headers.get("Cookie")})

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", answer)
    server = await aiohttp_server(app)
    server.paths = paths
    return server


def test_what_is_open_by_itself_and_what_is_not():
    policy = Policy()
    for open_ in ("8.8.8.8", "10.1.2.3", "192.168.1.1", "172.16.0.1", "fd12::1", "2606:4700::1"):
        assert policy.refusal(ip_address(open_), 443) is None, open_
    for closed in (
        "127.0.0.1", "127.8.9.10", "::1", "169.254.1.1", "fe80::1", "169.254.169.254", "fd00:ec2::254",
        "100.100.100.200", "0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255", "::ffff:127.0.0.1",
        "::ffff:169.254.169.254", "64:ff9b::7f00:1", "2002:7f00:1::", "::127.0.0.1", "2001:0:1::1",
    ):  # fmt: skip
        assert policy.refusal(ip_address(closed), 443), closed


def test_a_list_opens_what_is_in_it_and_nothing_else():
    policy = Policy(["10.0.0.0/8"])
    assert policy.refusal(ip_address("10.1.2.3"), 443) is None
    assert policy.refusal(ip_address("8.8.8.8"), 443) == "it is in none of the networks that are allowed"


def test_a_wide_entry_does_not_open_loopback_but_one_within_does():
    assert Policy(["0.0.0.0/0", "::/0"]).refusal(ip_address("127.0.0.1"), 80) == "it is a loopback address"
    assert Policy(LOOPBACK).refusal(ip_address("127.0.0.1"), 80) is None


def test_the_deployment_itself_is_reached_only_where_its_own_address_is_listed():
    assert Policy(LOOPBACK, listener=8080).refusal(ip_address("127.0.0.1"), 8080) == "it is this deployment itself"
    assert Policy(LOOPBACK, listener=8080).refusal(ip_address("127.0.0.1"), 8081) is None
    assert Policy(["127.0.0.1/32"], listener=8080).refusal(ip_address("127.0.0.1"), 8080) is None
    assert Policy(listener=8080).refusal(ip_address("192.0.2.7"), 8080) is None


async def test_an_answer_is_read_whole(clients, receiver):
    answer = await clients().request("POST", str(receiver.make_url("/hook")), json={"a": 1})
    assert (answer.status, answer.body) == (200, b'{"got": "{\\"a\\":1}", "cookie": null}')


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "localhost", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0"],
)
async def test_loopback_is_refused_however_it_is_written(clients, receiver, host):
    with pytest.raises(Refused, match=r"expected|may not be reached"):
        await clients(allow=[]).request("GET", f"http://{host}:{receiver.port}/secret")
    assert receiver.paths == []


async def test_a_redirect_is_an_answer_and_is_not_followed(clients, receiver):
    answer = await clients().request("GET", str(receiver.make_url("/away")))
    assert (answer.status, answer.headers["X-Seen"]) == (302, "yes")
    assert receiver.paths == ["/away"]


async def test_a_name_is_looked_up_once_and_changing_its_address_gains_nothing(clients, receiver):
    url = f"http://hooks.example:{receiver.port}/hook"
    turning = Names(["127.0.0.1"], ["127.0.0.2"])
    await clients(resolver=turning, allow=["127.0.0.1/32"]).request("GET", url)
    assert turning.asked == 1
    turning = Names(["10.255.255.1"], ["127.0.0.1"])
    client = clients(allow=[], resolver=turning)
    with pytest.raises(Unavailable):  # it goes to the address that was allowed, where nobody is
        await client.request("GET", url, timeout=0.2)
    with pytest.raises(Refused, match="it is a loopback address"):
        await client.request("GET", url)
    assert receiver.paths == ["/hook"]


async def test_of_several_addresses_only_allowed_ones_are_used(clients, receiver):
    mixed = Names(["169.254.169.254", "127.0.0.1"])
    assert (await clients(resolver=mixed).request("GET", f"http://hooks.example:{receiver.port}/")).status == 200


async def test_the_environment_adds_no_proxy_and_no_password(clients, receiver, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert (await clients().request("GET", str(receiver.make_url("/hook")))).status == 200


async def test_answers_are_limited_in_size_and_time(clients, receiver):
    with pytest.raises(Unavailable, match="more than 4096 bytes"):
        await clients().request("GET", str(receiver.make_url("/long")), limit=4096)
    with pytest.raises(Unavailable, match=r"did not answer within 0\.2 s"):
        await clients().request("GET", str(receiver.make_url("/slow")), timeout=0.2)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://x/", "//x/", "http://", "http://u:p@x/", "http://x:99999/", "gopher://x"]
)
async def test_only_plain_http_urls_are_asked_for(clients, url):
    with pytest.raises(Refused):
        await clients().request("GET", url)


async def test_errors_do_not_tell_the_path_or_the_query(clients, unused_tcp_port):
    with pytest.raises(Unavailable) as caught:
        await clients().request("GET", f"http://127.0.0.1:{unused_tcp_port}/token/abc?key=def")
    assert "abc" not in str(caught.value)
    assert "def" not in str(caught.value)
