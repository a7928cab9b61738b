"""Routes on which clients follow the feed: pages with `since`, long-poll, server-sent events.

A position goes out as a signed text that is bound to its route. It does not expire: what it stands for is there as long
as the feed keeps it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Annotated, Any, Literal

import attrs
import msgspec
from aiohttp import web
from msgspec import Meta, Struct, defstruct

from serai.context import Context, Principal
from serai.declarations import Api, Event, FeedRoute, Sight
from serai.errors import Invalid, Mistake, PluginError
from serai.identity.marks import cannot_be_left_out, may_hold_personal, structs_within
from serai.web.call import HttpCall
from serai.web.cursors import Cursors
from serai.web.disclosing import note_disclosure
from serai.web.encoding import answer, encode
from serai.web.fields import redacted
from serai.web.keys import CONTEXT, CURSORS, FEED, PRINCIPAL
from serai.web.parameters import Parameters, query_pairs
from serai.web.signature import Signature
from serai.work.feed import Gone, Portion

EVENT_STREAM = "text/event-stream"
LONGEST_WAIT = 55.0
"""Seconds; proxies commonly give a request up after 60."""
KEEP_ALIVE = 15.0
"""Seconds after which a stream without events shows that it lives."""
LONGEST_STREAM = 900.0
"""Seconds after which a stream ends: who comes back has a key that is still good."""
RETRY = 1000
"""Milliseconds after which a client of a stream that ended comes back."""

_NOW = "now"


class FeedQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which events, and how to wait for them."""

    since: (
        Annotated[
            str,
            Meta(
                max_length=2000,
                description="`next_since` of an answer, or the id of an event of a stream: what comes after it. `now`:"
                " what is still to come. Without it: all that is kept.",
            ),
        ]
        | None
    ) = None
    limit: Annotated[int, Meta(ge=1, le=1000, description="How many at the most")] = 100
    wait: Annotated[float, Meta(ge=0, le=LONGEST_WAIT, description="Seconds to wait where there is nothing yet")] = 0.0


def signature_of_feed(plugin: str, route: FeedRoute) -> Signature:
    """What the route takes and gives; raises `PluginError` where it follows nothing, or the same topic twice."""
    names = [topic.name for topic in route.topics]
    if not names or len(set(names)) < len(names):
        raise PluginError(f"{plugin}: the feed {route.path} needs topics, each once", hint="topics=[...]")
    for topic in route.topics:
        for shape in structs_within(topic.payload):
            for field in cannot_be_left_out(shape):
                raise PluginError(
                    f"{plugin}: {shape.__name__}.{field} (topic {topic.name}) is personal and could not be left out",
                    hint="type it `... | UnsetType`, with the default UNSET",
                )
    types = Annotated[tuple[Literal[tuple(names)], ...], Meta(description="Topics to follow; all where left out")]  # type: ignore[misc,valid-type]
    return Signature(
        path={},
        query=defstruct("FeedQuery", [("types", types, ())], bases=(FeedQuery,), frozen=True, kw_only=True),
        takes_query=True,
        body=None,
        returns=_page_type(_item_types(route)),
    )


class FeedBinding:
    """A feed's route between a request and its answer."""

    def __init__(self, plugin: str, api: Api, route: FeedRoute) -> None:
        """Raises `PluginError` where the route's topics or snapshot cannot be."""
        if route.snapshot is not None and route.snapshot not in {one.path for one in api.routes if one.method == "GET"}:
            raise PluginError(
                f"{plugin}: the feed {route.path} names {route.snapshot} as its snapshot",
                hint="snapshot is the path of a GET route of the same Api",
            )
        prefix = f"/{plugin}/api/v{api.version}"
        self._template = f"/api/v{api.version}{route.path}"
        self._topics = {topic.name: topic for topic in route.topics}
        self._sight = route.sight
        self._query = Parameters(signature_of_feed(plugin, route).query)
        self._items = _item_types(route)
        self._page = _page_type(self._items)
        self._may_be_personal = may_hold_personal(self._page)
        self._bound_to = msgspec.json.encode([f"{prefix}{route.path}"])
        self._snapshot = None if route.snapshot is None else prefix + route.snapshot

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request that aiohttp's router has brought here."""
        app = request.app
        return await self.respond(app[CONTEXT], app[CURSORS], request.match_info, request, request[PRINCIPAL])

    async def respond(
        self, ctx: Context, cursors: Cursors, path: Mapping[str, str], request: web.Request, who: Principal
    ) -> web.StreamResponse:
        """Answer one request; raises the `Problem`s that `Duties` turns into documents."""
        query: Any = self._query.read(query_pairs(request.rel_url.raw_query_string))
        if request.body_exists:
            raise Invalid([Mistake((), "no body", "a body")])
        call = HttpCall(request, who, path, ctx, cursors, self._template)
        reader = _Reader(call, [self._topics[name] for name in query.types or self._topics], self._sight)
        try:
            after = await self._after(request, query.since)
            if EVENT_STREAM in _accepted(request):
                return await self._stream(reader, after)
            portion = await reader.next(after, query.limit, query.wait)
        except Gone as gone:
            since = self._token(request, await request.app[FEED].head())
            resync = {"snapshot": self._snapshot, "since": since}
            raise Gone(gone.sentence, hint=gone.hint, members={"resync": resync}) from None
        page = self._page(
            items=await self._items_of(call, portion),
            next_since=self._token(request, portion.reached),
            more=portion.more,
        )
        return answer(reader.call, page, 200)

    async def _stream(self, reader: _Reader, after: int) -> web.StreamResponse:
        """Server-sent events (WHATWG HTML, 9.2) until the client goes, or is to come back."""
        request = reader.call.request
        portion = await reader.next(after, 100, 0)  # before anything is sent: it may be gone
        response = web.StreamResponse(headers={"Content-Type": EVENT_STREAM, "X-Accel-Buffering": "no"})
        await response.prepare(request)
        await response.write(f"retry: {RETRY}\n".encode())
        ends = asyncio.get_running_loop().time() + LONGEST_STREAM
        while True:
            lines = [
                b"id: %b\ndata: %b\n\n" % (self._token(request, event.seq).encode(), encode(item))
                for event, item in zip(portion.events, await self._items_of(reader.call, portion), strict=True)
            ]
            # An id without data moves the client's position and is no event; it keeps the connection alive, too.
            await response.write(
                b"".join(lines) or f": alive\nid: {self._token(request, portion.reached)}\n\n".encode()
            )
            if reader.is_to_go or asyncio.get_running_loop().time() > ends:
                return response
            try:
                portion = await reader.next(portion.reached, 100, KEEP_ALIVE)
            except Gone:  # it was too slow; with the next request it is told so
                return response

    async def _after(self, request: web.Request, since: str | None) -> int:
        """The position that a request begins at."""
        parameter, since = (
            ("Last-Event-ID", request.headers["Last-Event-ID"])
            if "Last-Event-ID" in request.headers
            else ("since", since)
        )
        if since is None:
            return await request.app[FEED].oldest()
        if since == _NOW:
            return await request.app[FEED].head()
        (after,) = request.app[CURSORS].open(self._bound_to, since, parameter=parameter)
        return int(after)

    def _token(self, request: web.Request, seq: int) -> str:
        return request.app[CURSORS].make(self._bound_to, [seq], expires=False)

    async def _items_of(self, call: HttpCall, portion: Portion[Any]) -> list[Struct]:
        """The events as the caller may see them."""
        items = [self._item(event) for event in portion.events]
        if not self._may_be_personal:
            return items
        seen = await redacted(call, items)
        note_disclosure(call, call.route, seen)
        return seen.value

    def _item(self, event: Event[Any]) -> Struct:
        return self._items[event.topic](seq=event.seq, key=event.key, at=event.at, data=event.payload)


class _Reader:
    """One client that follows some topics."""

    def __init__(self, call: HttpCall, topics: list[Any], sight: Sight | None) -> None:
        self.call = call
        self._topics = topics
        self._sight = sight
        self._feed = call.request.app[FEED]

    @property
    def is_to_go(self) -> bool:
        """The plugin stops, or the process hands over to another."""
        return self.call.ctx.stopping.is_set() or self._feed.leaving.is_set()

    async def next(self, after: int, limit: int, wait: float) -> Portion[Any]:
        """What comes after a position; waits for it, but no longer than the client may stay."""
        ends = asyncio.get_running_loop().time() + wait
        while True:
            portion = self._seen(await self._feed.portion(self._topics, after=after, limit=limit))
            left = ends - asyncio.get_running_loop().time()
            if portion.events or left <= 0 or self.is_to_go:
                return portion
            after = portion.reached
            await self._news(after, left)

    def _seen(self, portion: Portion[Any]) -> Portion[Any]:
        """The portion without what does not exist for this client."""
        if self._sight is None:
            return portion
        seen = (self._sight(self.call.ctx, self.call.who, event) for event in portion.events)
        return attrs.evolve(portion, events=[event for event in seen if event is not None])

    async def _news(self, after: int, timeout: float) -> None:
        """Wait for news, or for the sign to go."""
        waits = {
            asyncio.create_task(coroutine)
            for coroutine in (
                self._feed.wait(after, timeout),
                self._feed.leaving.wait(),
                self.call.ctx.stopping.wait(),
            )
        }
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waits:
                task.cancel()


def _item_types(route: FeedRoute) -> dict[str, type[Struct]]:
    """The shape of an event of each topic, by the topic's name."""
    return {
        topic.name: defstruct(
            "".join(part.title() for part in topic.name.replace(".", "_").split("_")) + "Event",
            [
                ("seq", Annotated[int, Meta(description="The higher, the later; numbers may be left out")]),
                ("key", Annotated[str, Meta(description="What it happened to")]),
                ("at", Annotated[datetime, Meta(description="When it was committed")]),
                ("data", topic.payload | None),
            ],
            frozen=True,
            kw_only=True,
            tag_field="topic",
            tag=topic.name,
        )
        for topic in route.topics
    }


def _page_type(items: dict[str, type[Struct]]) -> type[Struct]:
    union: Any = reduce(or_, items.values())
    return defstruct(
        "FeedPage",
        [
            ("items", list[union]),
            ("next_since", Annotated[str, Meta(description="`since` of the next request")]),
            ("more", Annotated[bool, Meta(description="There may be more at once: do not wait")]),
        ],
        frozen=True,
        kw_only=True,
    )


def _accepted(request: web.Request) -> set[str]:
    """The media types that a request names in `Accept`."""
    return {part.partition(";")[0].strip().lower() for part in request.headers.get("Accept", "").split(",")}
