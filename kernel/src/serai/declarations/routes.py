"""`Api`: a module-level collection of typed JSON routes, mounted by the kernel under `/{plugin}/api/v{version}`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import attrs

from serai.errors import Problem

Handler = Callable[..., Awaitable[Any]]
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
        if (permission is not None) + authenticated + public != 1:
            raise ValueError(f"{method} {path} must state either permission=..., authenticated=True or public=True")

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
