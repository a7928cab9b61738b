"""`Api`: a module-level collection of typed JSON routes, mounted by the kernel under `/{plugin}/api/v{version}`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import attrs

from serai.declarations.feed import Event, Topic
from serai.errors import Problem

Handler = Callable[..., Awaitable[Any]]
Sight = Callable[[Any, Any, Event[Any]], Event[Any] | None]
"""What a caller gets of an event, by the plugin's `Context` and the `Principal`; None: it does not exist for them."""
F = TypeVar("F", bound=Handler)


@attrs.frozen(kw_only=True)
class Route:
    """One declared route: what it answers, who may ask, which problems it may answer with besides the kernel's own."""

    method: str
    path: str
    handler: Handler
    permission: str | None
    """Who asks must hold it; None where it is public, or open to everyone who is recognised."""
    public: bool
    status: int
    raises: tuple[type[Problem], ...]

    @property
    def operation(self) -> str:
        """The OpenAPI operation id: the handler's name."""
        return self.handler.__name__

    @property
    def doc(self) -> str:
        """What clients read of it: the handler's docstring."""
        return inspect.getdoc(self.handler) or ""


@attrs.frozen(kw_only=True)
class FeedRoute:
    """A declared route on which clients follow topics of the feed; the kernel answers it."""

    path: str
    topics: tuple[Topic[Any], ...]
    permission: str | None
    public: bool
    snapshot: str | None
    """The path of a route of the same API that gives what is there now, for who cannot follow any more."""
    sight: Sight | None
    method: str = attrs.field(init=False, default="GET")
    status: int = attrs.field(init=False, default=200)
    raises: tuple[type[Problem], ...] = attrs.field(init=False, default=())

    @property
    def operation(self) -> str:
        """The OpenAPI operation id: `follow_changes` for `/changes`."""
        return "follow" + re.sub(r"[^a-z0-9]+", "_", self.path)

    @property
    def doc(self) -> str:
        """What clients read of it."""
        return (
            f"Follow what happens\n\nTopics: {', '.join(f'`{topic.name}`' for topic in self.topics)}.\n\n{_FOLLOWING}"
        )


_FOLLOWING = """\
Events come in the order of commits, each at least once. Ask again with the `next_since` of the answer before; with
`wait`, the answer comes as soon as there is something. With `Accept: text/event-stream` the events come as server-sent
events, whose ids are values for `since`. 410 tells where to begin anew."""


class Api:
    """Typed routes of one API version.

    A handler is a module-level `async def` that takes `call: Call` and, by name, the path's parameters, `query` (a
    Struct of query parameters) and `body` (a Struct, the JSON body). It returns a Struct, a list of them, a `Page`, or
    None (204). Its docstring is the operation's description. Every route states who may ask: `permission=`, or
    `authenticated=True` for everyone who is recognised, or `public=True` for everyone.
    """

    def __init__(self, version: int = 1) -> None:
        self.version = version
        self.routes: list[Route] = []
        self.feeds: list[FeedRoute] = []

    def get(
        self,
        path: str,
        *,
        permission: str | None = None,
        authenticated: bool = False,
        public: bool = False,
        raises: Sequence[type[Problem]] = (),
    ) -> Callable[[F], F]:
        """A route that reads; HEAD is answered too."""
        return self._add("GET", path, permission, authenticated, public, 200, raises)

    def post(
        self,
        path: str,
        *,
        permission: str | None = None,
        authenticated: bool = False,
        public: bool = False,
        status: int = 200,
        raises: Sequence[type[Problem]] = (),
    ) -> Callable[[F], F]:
        """A route that makes or asks for something with a body; `status=201` where it makes something."""
        return self._add("POST", path, permission, authenticated, public, status, raises)

    def patch(
        self,
        path: str,
        *,
        permission: str | None = None,
        authenticated: bool = False,
        raises: Sequence[type[Problem]] = (),
    ) -> Callable[[F], F]:
        """A route that changes a part of something: what the body leaves out stays."""
        return self._add("PATCH", path, permission, authenticated, False, 200, raises)

    def delete(
        self,
        path: str,
        *,
        permission: str | None = None,
        authenticated: bool = False,
        raises: Sequence[type[Problem]] = (),
    ) -> Callable[[F], F]:
        """A route that ends something."""
        return self._add("DELETE", path, permission, authenticated, False, 200, raises)

    def feed(
        self,
        path: str,
        *,
        topics: Sequence[Topic[Any]],
        permission: str | None = None,
        authenticated: bool = False,
        public: bool = False,
        snapshot: str | None = None,
        sight: Sight | None = None,
    ) -> None:
        """A route on which clients follow topics: pages with `since`, long-poll, server-sent events.

        `snapshot` is the path of a route of this API where who fell too far behind begins anew. `sight` is called as
        `sight(ctx, who, event)` and returns the event as this caller may know it, or None; personal fields are the
        kernel's affair and need none.
        """
        _check_access("GET", path, permission, authenticated, public)
        self.feeds.append(
            FeedRoute(
                path=path, topics=tuple(topics), permission=permission, public=public, snapshot=snapshot, sight=sight
            )
        )

    def _add(
        self,
        method: str,
        path: str,
        permission: str | None,
        authenticated: bool,
        public: bool,
        status: int,
        raises: Sequence[type[Problem]],
    ) -> Callable[[F], F]:
        _check_access(method, path, permission, authenticated, public)

        def add(handler: F) -> F:
            self.routes.append(
                Route(
                    method=method,
                    path=path,
                    handler=handler,
                    permission=permission,
                    public=public,
                    status=status,
                    raises=tuple(raises),
                )
            )
            return handler

        return add


def _check_access(method: str, path: str, permission: str | None, authenticated: bool, public: bool) -> None:
    if (permission is not None) + authenticated + public != 1:
        raise ValueError(f"{method} {path} must state either permission=..., authenticated=True or public=True")
