"""`Subscription`: something that the kernel runs for each event of some topics."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import attrs

from serai.declarations.feed import Topic

SubscriptionHandler = Callable[[Any, Any], Awaitable[None]]
"""`async def handler(ctx: Context, event: Event) -> None`"""


@attrs.frozen(kw_only=True)
class Subscription:
    """A handler and the topics it follows. Made by the `subscription` decorator; its name is the handler's."""

    handler: SubscriptionHandler
    topics: tuple[Topic[Any], ...]
    from_start: bool
    """Begin with the oldest event that is kept, not with what happens after it was declared first."""
    attempts: int
    """After so many an event that the handler fails on becomes a dead letter."""
    timeout: float
    """Seconds after which the handler is cancelled, which counts as failing."""

    @property
    def name(self) -> str:
        """The handler's name."""
        return self.handler.__name__


def subscription(
    *topics: Topic[Any], from_start: bool = False, attempts: int = 8, timeout: float = 30.0
) -> Callable[[SubscriptionHandler], Subscription]:
    """Make a `Subscription` of an `async def handler(ctx: Context, event: Event)`; the arguments are its fields."""
    if not topics:
        raise ValueError("a subscription needs a topic at the least")

    def make(handler: SubscriptionHandler) -> Subscription:
        return Subscription(handler=handler, topics=topics, from_start=from_start, attempts=attempts, timeout=timeout)

    return make
