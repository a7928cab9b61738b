"""`RemoteApi`: the JSON API of a plugin in another deployment, spoken as docs/http.md describes it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import date
from typing import Any, TypeVar
from urllib.parse import urlencode

import msgspec
import stamina
from msgspec import Struct

from serai.config import Secret
from serai.context import Answer, Http
from serai.declarations import Followed, Page, Topic
from serai.errors import Problem, Unavailable
from serai.outgoing.answers import Busy, Remembered, RemoteProblem, header, problem_of
from serai.outgoing.client import HttpClient
from serai.outgoing.policy import Policy
from serai.outgoing.portions import Portion

T = TypeVar("T")

REQUEST_LIMIT = 10.0
"""Seconds that one request may take."""
PATIENCE = 10.0
"""Seconds within which a request that found no answer is begun again."""
LONGEST_PAUSE = 30.0
"""Seconds between two tries of who follows a feed, and so has all the time."""
WAIT = 50
"""Seconds that an answer of a feed may wait for news."""
LARGEST = 64 * 1024 * 1024
"""Bytes of one answer; a page of 1000 people has about a million."""
PAGE = 500
"""Items of one page of a list."""

Query = Mapping[str, object]
"""Parameters: texts, numbers, booleans, dates and lists of texts; what is None is left out."""
Raises = Sequence[type[Problem]]

_BUSY = frozenset({429, 502, 503, 504})
_LOST = frozenset({"feed-position-gone", "cursor-refused"})
"""Problems of a position that is too old, or that another deployment made."""


class RemoteApi:
    """One plugin's routes under `/{plugin}/api/v1`; paths given here begin after that.

    What cannot be answered just now (429, 502, 503, 504, no connection) is asked again for ten seconds, when
    `Retry-After` says. Problems come as the classes in `raises`, by their slugs, and all others as `RemoteProblem`.
    """

    def __init__(self, plugin: str, url: str, key: Secret, http: Http) -> None:
        self.plugin = plugin
        self.url = url.rstrip("/")
        self._key = key
        self._http = http
        self._remembered = Remembered()

    @classmethod
    @asynccontextmanager
    async def open(cls, plugin: str, url: str, key: str) -> AsyncIterator[RemoteApi]:
        """For programs outside a deployment, which may go anywhere: with connections of its own."""
        http = HttpClient(Policy.everywhere())
        try:
            yield cls(plugin, url, Secret(key), http)
        finally:
            await http.close()

    async def get(self, path: str, type_: type[T], query: Query | None = None, *, raises: Raises = ()) -> T:
        """One thing. Where it has not changed since it was last asked for, it is not sent again."""
        return await self._read(self._target(f"/api/v1{path}", query), type_, raises, _Patience(PATIENCE))

    async def pages(
        self, path: str, item: type[T], query: Query | None = None, *, raises: Raises = ()
    ) -> AsyncIterator[T]:
        """The items of a list, whose pages are asked for one after another."""
        cursor: str | None = None
        while True:
            target = self._target(f"/api/v1{path}", {**(query or {}), "limit": PAGE, "cursor": cursor})
            answer = await self._ask("GET", target, raises, _Patience(PATIENCE))
            page = self._decoded(answer, Page[item])  # type: ignore[valid-type]
            for one in page.items:
                yield one
            cursor = page.next_cursor
            if cursor is None:
                return

    async def post(self, path: str, body: Any, type_: type[T], *, raises: Raises = ()) -> T:
        """A question with a body. It may be asked twice, and so must be one that changes nothing."""
        answer = await self._ask("POST", self._target(f"/api/v1{path}"), raises, _Patience(PATIENCE), json=body)
        return self._decoded(answer, type_)

    async def follow(
        self, path: str, topics: Sequence[Topic[Any]], since: str | None = None, *, raises: Raises = ()
    ) -> AsyncIterator[Followed[Any]]:
        """What happens, for ever, from the `since` of an earlier step on; None: from a whole copy on.

        Goes on by itself after the other deployment was away. A position that it does not keep any more, or that is of
        another deployment, leads to a step without an event.
        """
        readers = {topic.name: topic for topic in topics}
        types = list(readers)
        while True:
            if since is None:
                since = (await self._portion(path, {"types": types, "since": "now", "limit": 1}, raises)).next_since
                yield Followed(event=None, since=since)
            try:
                portion = await self._portion(path, {"types": types, "since": since, "wait": WAIT}, raises)
            except RemoteProblem as problem:
                if problem.slug_there not in _LOST:
                    raise
                since = None
                continue
            for number, item in enumerate(portion.items, start=1):
                if number == len(portion.items):
                    since = portion.next_since
                yield Followed(event=item.event(readers), since=since)
            since = portion.next_since

    async def version(self) -> str:
        """The version of the plugin there. Asks once; raises a `Problem` where it does not serve."""
        return (await self._read(self._target("/api/openapi.json"), _OpenApi, (), _Patience(0))).info.version

    async def _portion(self, path: str, query: Query, raises: Raises) -> Portion:
        target = self._target(f"/api/v1{path}", query)
        answer = await self._ask("GET", target, raises, _Patience(None), timeout=WAIT + REQUEST_LIMIT)
        return self._decoded(answer, Portion)

    async def _read(self, target: str, type_: type[T], raises: Raises, patience: _Patience) -> T:
        known = self._remembered.of(target)
        headers = {} if known is None else {"If-None-Match": known.etag}
        answer = await self._ask("GET", target, raises, patience, headers=headers)
        if answer.status == 304 and known is not None:
            return known.value  # type: ignore[no-any-return]  # what it was when it was remembered
        value = self._decoded(answer, type_)
        self._remembered.note(target, header(answer, "ETag"), value)
        return value

    async def _ask(
        self,
        method: str,
        target: str,
        raises: Raises,
        patience: _Patience,
        *,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = REQUEST_LIMIT,
    ) -> Answer:
        """A good answer. Raises the `Problem` that any other one means."""
        sent = {"Authorization": f"Bearer {self._key.reveal()}", **(headers or {})}
        try:
            async for attempt in patience.attempts():
                with attempt:
                    answer = await self._http.request(
                        method, target, json=json, headers=sent, timeout=timeout, limit=LARGEST
                    )
                    if answer.status in _BUSY:
                        raise Busy(answer)
        except Busy as busy:
            answer = busy.answer
        if answer.status < 300 or answer.status == 304:
            return answer
        raise problem_of(answer, self._where, raises)

    def _decoded(self, answer: Answer, type_: type[T]) -> T:
        try:
            return msgspec.json.decode(answer.body, type=type_)
        except msgspec.MsgspecError as error:  # its message names the place, not the value
            raise RemoteProblem(
                f"{self._where} answered what is not its API: {error}",
                hint="Does the URL lead to Serai, and is the plugin there of a version that goes with the client?",
                status_there=answer.status,
            ) from None

    @property
    def _where(self) -> str:
        return f"{self.plugin} at {self.url}"

    def _target(self, path: str, query: Query | None = None) -> str:
        given = {name: _text(value) for name, value in (query or {}).items() if value is not None}
        return f"{self.url}/{self.plugin}{path}" + (f"?{urlencode(given)}" if given else "")


class _Patience:
    """For how many seconds from now something is asked again; None: for ever."""

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self._ends = None if seconds is None else asyncio.get_running_loop().time() + seconds

    def attempts(self) -> AsyncIterator[stamina.Attempt]:
        # The context, not the decorator: that one logs arguments, and addresses here name people.
        return stamina.retry_context(
            on=self._pause,
            attempts=None,
            timeout=None,  # `_pause` keeps it, and knows `Retry-After`
            wait_max=LONGEST_PAUSE if self._seconds is None else 2.0,
            wait_jitter=0.2,
        )

    def _pause(self, error: Exception) -> bool | float:
        """Whether to ask again, or after how many seconds."""
        if isinstance(error, Busy) and error.retry_after is not None:
            return self._lasts(error.retry_after) and error.retry_after
        return isinstance(error, Busy | Unavailable) and self._lasts(0)

    def _lasts(self, seconds: float) -> bool:
        return self._ends is None or asyncio.get_running_loop().time() + seconds < self._ends


class _Info(Struct):
    version: str


class _OpenApi(Struct):
    info: _Info


def _text(value: object) -> str:
    """A value as docs/http.md spells it in a query."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date):
        return value.isoformat()
    return ",".join(value) if isinstance(value, Sequence) and not isinstance(value, str) else str(value)
