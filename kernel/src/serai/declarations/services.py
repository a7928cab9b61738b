"""`Service`: what a plugin does for others, here and where it runs elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

import attrs

T = TypeVar("T")


@attrs.frozen
class Service(Generic[T]):
    """A Protocol that the plugin's `lifespan` offers (`ctx.services.offer`)."""

    protocol: type[T]
    client: Callable[[Any], T] | None = None
    """Makes of a `serai.RemoteApi` what does the same over HTTP; None where the service is only there in-house."""


def as_services(declared: Iterable[Service[Any] | type[Any]]) -> tuple[Service[Any], ...]:
    """Services, of which one without a client may be given as its bare Protocol."""
    return tuple(one if isinstance(one, Service) else Service(one) for one in declared)
