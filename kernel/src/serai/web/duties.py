"""`Duties`: what the kernel does around every handler, in one middleware.

For each request: an id, the Host, who asks, whether they may, how fast they ask, the size of the body; then the
handler; a problem document for whatever it raised; then metrics and a line in the access log. One middleware and
prepared routes, because as five middlewares the same costs seven times as much.

The id is our own, a number under a random name of the process: unique in the deployment's logs. A client's
`X-Request-Id` is not taken over, because two requests may bring the same one.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from itertools import count
from time import perf_counter
from typing import Any, Protocol, cast

from aiohttp import WSCloseCode, web
from aiohttp.hdrs import SERVER
from aiohttp.typedefs import Handler
from multidict import istr
from yarl import URL

from serai.context import Principal
from serai.declarations import Log
from serai.errors import Forbidden, Problem, Unauthenticated
from serai.identity.addresses import Address, Proxies, limit_key
from serai.identity.audit import acting
from serai.identity.authenticator import CHALLENGE, Authenticator, KnownKey
from serai.identity.quotas import Quotas
from serai.telemetry import current
from serai.web.answer import KERNEL_HEADERS, Answer
from serai.web.keys import PRINCIPAL
from serai.web.limits import Limiter, limit_body
from serai.web.mounts import NotServing, draining
from serai.web.problems import http_response
from serai.web.route_table import Access, Duty, RouteTable
from serai.web.traffic import Traffic

Respond = Callable[[web.Request, Principal], Awaitable[web.StreamResponse]]
"""Answers a request of somebody who may ask."""

ANYONE = Principal(kind="anyone", id="anyone", name="anyone")
CLIENT_GONE = 499
"""What metrics and the access log say of a request whose client went away before the answer (nginx's number)."""

_AUTHORIZATION = istr("Authorization")
_HOST = istr("Host")
_FORWARDED_FOR = istr("X-Forwarded-For")
_REQUEST_ID = istr("X-Request-Id")


class AccessLines(Protocol):
    """Where a line a request goes. `route` is the template, `size` the body's in bytes, `client` the principal's id."""

    def add(
        self, method: str, route: str, status: int, size: int, seconds: float, client: str, request_id: str
    ) -> None: ...


class Misdirected(Problem):
    """The request names a Host that is not ours (RFC 9110, 15.5.20)."""

    status = 421
    slug = "misdirected-request"
    title = "Not our host"


class MalformedBody(Problem):
    """The body breaks the rules of its transfer or content encoding."""

    status = 400
    slug = "malformed-body"
    title = "The request body is malformed"


class Duties:
    """The kernel's part in every request. Needs the root's `client_max_size` to be the largest of all body limits."""

    def __init__(
        self,
        *,
        table: RouteTable,
        authenticator: Authenticator,
        proxies: Proxies,
        limiter: Limiter,
        quotas: Quotas,
        access_log: AccessLines,
        log: Log,
        public_url: str | None,
    ) -> None:
        self._table = table
        self._authenticator = authenticator
        self._proxies = proxies
        self._limiter = limiter
        self._quotas = quotas
        self._access_log = access_log
        self._log = log
        self._hosts = _hosts(public_url)
        self._process = secrets.token_hex(4)
        self._numbers = count(1)
        self.let_go = False
        """Close each connection with its next answer: this process is leaving, another takes over."""

    def attach(self, root: web.Application, access: Mapping[Any, Access], *, body_limit: int) -> None:
        """Serve a root application, whose own routes are all there already; `access` is that of their handlers."""
        kernel = Traffic("kernel", body_limit=body_limit)
        self._table.enter(root, kernel, access)
        root.middlewares.append(self._handle)
        root.on_response_prepare.append(self._sign)

    @web.middleware
    async def _handle(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        async def respond(request: web.Request, who: Principal) -> web.StreamResponse:
            request[PRINCIPAL] = who
            return await handler(request)

        return await self.serve(request, self._table.find(request.match_info), respond)

    async def serve(self, request: web.Request, duty: Duty, respond: Respond) -> web.StreamResponse:
        """Answer a request for the route that `duty` is of, with what `respond` makes for whoever asks."""
        started = perf_counter()
        request_id = f"{self._process}-{next(self._numbers):x}"
        traffic = duty.traffic
        current.request_id.set(request_id)
        current.plugin.set(traffic.name)
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        traffic.running[task] = None
        who, status, size = ANYONE, CLIENT_GONE, 0
        try:
            try:
                who = self._recognise(request, duty) or await self._look_up(request)
                acting.set(who)
                self._permit(who, request, duty)
                if request.body_exists:
                    request = limit_body(request, traffic.body_limit)
                response = await respond(request, who)
                if not isinstance(response, web.StreamResponse):
                    raise TypeError(f"the handler returned {type(response).__name__}, not a response")
            except BaseException as error:  # noqa: BLE001  what cannot be answered is raised again
                response = await self._answer(error, request, duty, task, request_id)
            if isinstance(response, Answer):
                response.headers[_REQUEST_ID] = request_id
                if self.let_go:
                    response.force_close()
            status, size = response.status, _size(response)
            return response
        finally:
            del traffic.running[task]
            seconds = perf_counter() - started
            duty.meter.observe(status, seconds)
            self._access_log.add(request.method, duty.template, status, size, seconds, who.id, request_id)

    async def _sign(self, request: web.Request, response: web.StreamResponse) -> None:
        """Put the kernel's headers on what is no `Answer`, just before its first byte is written."""
        headers = response.headers
        if self.let_go:
            response.force_close()
        headers[_REQUEST_ID] = current.request_id.get() or ""
        headers[SERVER] = KERNEL_HEADERS[SERVER]  # aiohttp has named itself already
        for name, value in KERNEL_HEADERS.items():
            headers.setdefault(name, value)
        if not isinstance(response, web.Response):
            running = self._table.find(request.match_info).traffic.running
            task = asyncio.current_task()
            if task in running:
                running[task] = response

    def _recognise(self, request: web.Request, duty: Duty) -> Principal | None:
        """Who asks, None if the key must be looked up; raises the problem that keeps out who cannot be let in."""
        if duty.probe:
            return ANYONE
        headers = request.headers
        if self._hosts and headers.get(_HOST, "").lower() not in self._hosts:
            raise Misdirected("The request's Host is not the one that this server answers for")
        if duty.traffic.leaving:
            raise NotServing(duty.traffic.name, draining(1.0))
        authorization = headers.get(_AUTHORIZATION)
        if authorization is None:
            if duty.public:
                return ANYONE
            raise Unauthenticated(
                "This address needs an API key", hint="send Authorization: Bearer srk_...", headers=CHALLENGE
            )
        key = self._authenticator.recognise(authorization)
        return None if key is None else self._admit(key, request)

    def _admit(self, key: KnownKey, request: web.Request) -> Principal:
        return self._authenticator.admit(key, self._address(request) if key.networks else None)

    def _permit(self, who: Principal, request: web.Request, duty: Duty) -> None:
        """Raise the problem that keeps out whom we know: no permission, or too fast."""
        if duty.permission is not None and duty.permission not in who.scopes:
            raise Forbidden(
                f"{who.name} does not have the permission {duty.permission}",
                hint="an operator can give it",
                members={"permission": duty.permission},
            )
        if (allowance := who.allowance) is not None:
            self._limiter.take(who.id, allowance.rate, allowance.burst)
            if allowance.daily is not None:
                self._quotas.take(who.id, allowance.daily)
        elif who is not ANYONE:
            self._limiter.take(who.id)
        elif not duty.probe:
            self._limiter.take(limit_key(self._address(request)))

    async def _look_up(self, request: web.Request) -> Principal:
        """Whose key it is by the database; who tries many wrong ones is limited by address."""
        caller = limit_key(self._address(request))
        self._limiter.check(caller)
        try:
            key = await self._authenticator.look_up(request.headers[_AUTHORIZATION])
        except Unauthenticated:
            self._limiter.take(caller)
            raise
        return self._admit(key, request)

    def _address(self, request: web.Request) -> Address | None:
        return self._proxies.client(request.remote, request.headers.getall(_FORWARDED_FOR, ()))

    async def _answer(
        self, error: BaseException, request: web.Request, duty: Duty, task: asyncio.Task[Any], request_id: str
    ) -> web.StreamResponse:
        """What is sent in place of an error; raises it again where nobody can be answered."""
        traffic = duty.traffic
        began = traffic.running[task]
        if isinstance(error, asyncio.CancelledError) and traffic.cutting:
            task.uncancel()
            error = NotServing(traffic.name, draining(1.0))
        elif not isinstance(error, Exception):
            raise error
        elif isinstance(error, ConnectionError) and request.transport is None:
            return began or Answer(CLIENT_GONE)
        if began is not None:
            await self._break_off(began, error, request, duty, request_id)
            return began
        if isinstance(error, Problem):
            return duty.refuse(error, request_id)
        if isinstance(error, web.HTTPException):
            return http_response(error, request_id)
        if isinstance(error, web.RequestPayloadError):
            return duty.refuse(MalformedBody("The body does not fit its encoding or length"), request_id)
        self._log.exception("a request failed", plugin=traffic.name, route=duty.template, request_id=request_id)
        return duty.refuse(Problem("Something failed here; the log has it under the request id"), request_id)

    async def _break_off(
        self, began: web.StreamResponse, error: Exception, request: web.Request, duty: Duty, request_id: str
    ) -> None:
        """End an answer that has begun so that the client sees that it is not whole."""
        if not isinstance(error, NotServing):
            self._log.exception(
                "a request failed after its answer had begun",
                plugin=duty.traffic.name,
                route=duty.template,
                request_id=request_id,
            )
        if isinstance(began, web.WebSocketResponse):
            await began.close(code=WSCloseCode.INTERNAL_ERROR)
        if request.transport is not None:
            request.transport.close()


def _hosts(public_url: str | None) -> frozenset[str]:
    """The Host headers that mean us; none: all do."""
    if public_url is None:
        return frozenset()
    url = URL(public_url)
    return frozenset({str(url.host_port_subcomponent).lower(), f"{url.host_subcomponent}:{url.port}".lower()})


def _size(response: web.StreamResponse) -> int:
    """Bytes of the body, as far as they are known before a plain answer is written."""
    if isinstance(response, Answer):
        return len(response.body)
    if isinstance(response, web.Response):
        body = response.body
        return len(body) if isinstance(body, bytes) else 0
    return response.body_length
