"""`Task`: durable work that the queue hands to a handler, again and again until it has succeeded or is held."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Generic, Protocol, TypeVar, get_args, get_origin, get_type_hints

import attrs
from msgspec import Struct

P = TypeVar("P", bound=Struct)


class TaskRun(Protocol[P]):
    """One attempt at a task."""

    id: int
    """The task's number in the queue: the same in every attempt, so good as an idempotency key."""
    attempt: int
    """1 the first time, then one more after each failure."""
    payload: P


TaskHandler = Callable[[Any, TaskRun[P]], Awaitable[None]]
"""`async def handler(ctx: Context, run: TaskRun[Payload]) -> None`"""


@attrs.frozen
class Retry:
    """How often a task that fails is tried again: each time after the next of `delays`, then it is held.

    Delays are in seconds and get a quarter more or less, so that many failures do not come back together.
    """

    delays: tuple[float, ...] = ()

    @classmethod
    def exponential(cls, *, attempts: int = 10, first: float = 5.0, longest: float = 3600.0) -> Retry:
        """So many attempts in all; the pauses between them begin with `first` and triple until they are `longest`."""
        return cls(tuple(min(first * 3.0**number, longest) for number in range(attempts - 1)))


@attrs.frozen(kw_only=True)
class Task(Generic[P]):
    """A handler for work from the queue. Made by the `task` decorator; its name is the handler's."""

    handler: TaskHandler[P]
    payload: type[P]
    """The Struct of its payload. Tasks outlive versions of the plugin: a later one only adds fields, with defaults."""
    retry: Retry
    timeout: float
    """Seconds after which an attempt is cancelled, which is a failure."""

    @property
    def name(self) -> str:
        """The handler's name."""
        return self.handler.__name__


def task(*, retry: Retry | None = None, timeout: float = 60.0) -> Callable[[TaskHandler[P]], Task[P]]:
    """Make a `Task` of an `async def handler(ctx: Context, run: TaskRun[Payload])`.

    `retry` is `Retry.exponential()` where left out. Raises `TypeError` where the handler does not say what its payload
    is.
    """

    def make(handler: TaskHandler[P]) -> Task[P]:
        return Task(
            handler=handler,
            payload=_payload_of(handler),
            retry=Retry.exponential() if retry is None else retry,
            timeout=timeout,
        )

    return make


def _payload_of(handler: TaskHandler[P]) -> type[P]:
    """The `Payload` of `run: TaskRun[Payload]`."""
    annotation = get_type_hints(handler).get("run")
    payload = get_args(annotation)[0] if get_origin(annotation) is TaskRun else None
    if not (isinstance(payload, type) and issubclass(payload, Struct)):
        raise TypeError(f"the task {handler.__name__} takes no `run: TaskRun[Payload]`, where Payload is a Struct")
    return payload  # type: ignore[return-value]  # the annotation says so
