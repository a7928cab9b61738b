"""`Mount`: a protocol of its own below a plugin's prefix, for what is no typed JSON API (SCIM, WebDAV, CalDAV ...)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import attrs

from serai.errors import Problem


@attrs.frozen(kw_only=True)
class RawRequest:
    """A request as it came, whatever protocol it speaks. The kernel has recognised who asks and limited the body."""

    method: str
    root: str
    """The URL of the mount as the client sees it, without a slash at its end."""
    path: str
    """What follows `root`, decoded: `/Users/0001`, or nothing."""
    query: str
    """What follows the question mark, as it came."""
    headers: Mapping[str, str]
    """By name, in any case; of a header that came several times, the first."""
    body: bytes


@attrs.frozen(kw_only=True)
class RawAnswer:
    """An answer as it goes out; the kernel adds its own headers."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class Mount:
    """Everything below `/{plugin}{path}`, in every method, is answered by one handler.

    The handler is `async def serve(call: Call, request: RawRequest) -> RawAnswer`. The kernel's duties surround it as
    they do a typed route: key, permission, limits, metrics and access lines under one template. `refuse` says in the
    protocol's own words what the kernel, or a `Problem` that the handler raises, refuses with; without it the answer
    is a problem document.
    """

    path: str
    """Begins with a slash, ends without one, has no parameters: `/scim/v2`."""
    handler: Callable[..., Awaitable[RawAnswer]]
    permission: str | None = None
    public: bool = False
    refuse: Callable[[Problem], RawAnswer] | None = None

    def __attrs_post_init__(self) -> None:
        if (self.permission is None) != self.public:
            raise ValueError(f"the mount {self.path} must state either permission=... or public=True")
        if not self.path.startswith("/") or self.path.endswith("/") or "{" in self.path:
            raise ValueError(f"the mount {self.path!r} must begin with a slash, end without one, have no parameters")
