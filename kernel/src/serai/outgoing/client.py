"""`HttpClient`: the one way out (`ctx.http`)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from importlib.metadata import version
from ipaddress import ip_address
from typing import Any

import aiohttp
import msgspec
from aiohttp.abc import AbstractResolver
from yarl import URL

from serai.context import Answer
from serai.errors import Refused
from serai.outgoing.errors import AddressRefused, NoAnswer
from serai.outgoing.policy import Policy
from serai.outgoing.resolver import GuardedResolver

CONNECTIONS = 100
"""The most connections that one process keeps open."""


class HttpClient:
    """Requests to other systems, as `policy` allows. `resolver` looks names up: the system's where None is given.

    Follows no redirects, keeps no cookies, takes no proxy or password from the environment.
    """

    def __init__(self, policy: Policy, resolver: AbstractResolver | None = None) -> None:
        self._policy = policy
        guarded = GuardedResolver(policy, resolver or aiohttp.ThreadedResolver())
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(resolver=guarded, use_dns_cache=False, limit=CONNECTIONS),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": f"serai/{version('serai')}"},
            timeout=aiohttp.ClientTimeout(total=None),
            trust_env=False,
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()

    async def request(
        self,
        method: str,
        url: str,
        *,
        json: Any = None,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 30.0,
        limit: int = 1024 * 1024,
    ) -> Answer:
        """Send a request: `serai.Http.request`."""
        target = self.check(url)
        sent = dict(headers or {})
        if json is not None:
            data = msgspec.json.encode(json)
            sent.setdefault("Content-Type", "application/json")
        where = _place(target)
        try:
            async with (
                asyncio.timeout(timeout),
                self._session.request(method, target, data=data, headers=sent, allow_redirects=False) as response,
            ):
                return Answer(
                    status=response.status,
                    headers=dict(response.headers),
                    body=await _read(response, limit, where),
                )
        except TimeoutError:
            raise NoAnswer(f"{where} did not answer within {timeout:g} s") from None
        except aiohttp.InvalidURL:
            raise _unfit("one with a host name or a plain IP address") from None
        except (aiohttp.ClientError, OSError) as error:
            raise NoAnswer(f"{where} cannot be reached: {_reason(error)}") from None

    def check(self, url: str) -> URL:
        """The URL, where it is one that may be asked for as far as can be said without looking its name up.

        Raises `Refused` where it is not.
        """
        try:
            target = URL(url)
            host, port = target.host, target.port
        except ValueError:
            raise _unfit("as https://hooks.example/serai") from None
        if target.scheme not in {"http", "https"} or not host or port is None:
            raise _unfit("as https://hooks.example/serai")
        if target.user is not None or target.password is not None:
            raise _unfit("without user and password")
        try:
            address = ip_address(host.partition("%")[0])
        except ValueError:
            return target
        refusal = self._policy.refusal(address, port)
        if refusal:
            raise AddressRefused(host, refusal)
        return target


def _unfit(expected: str) -> Refused:
    return Refused(f"An http or https URL is expected, {expected}")


def _place(url: URL) -> str:
    """The URL without what may hold secrets."""
    return str(url.origin())


def _reason(error: Exception) -> str:
    """What went wrong, without the address that the name stands for."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
        return "its certificate is not trusted"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "its name is not known"
    if isinstance(error, aiohttp.ClientConnectorError):
        return error.os_error.strerror or "no connection"
    if isinstance(error, aiohttp.ServerDisconnectedError | ConnectionError):
        return "it closed the connection"
    return "its answer is not HTTP" if isinstance(error, aiohttp.ClientResponseError) else "the connection broke"


async def _read(response: aiohttp.ClientResponse, limit: int, where: str) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(64 * 1024):
        body += chunk
        if len(body) > limit:
            raise NoAnswer(f"{where} answers with more than {limit} bytes")
    return bytes(body)
