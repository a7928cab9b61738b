"""How much one caller may ask, and how much one plugin takes in."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from time import monotonic

from aiohttp import web

from serai.errors import Problem


class TooManyRequests(Problem):
    """The caller asks faster than its limit; `Retry-After` says in how many seconds it may go on."""

    status = 429
    slug = "too-many-requests"
    title = "Too many requests"

    def __init__(self, wait: float) -> None:
        seconds = max(1, ceil(wait))
        super().__init__(
            f"This caller asks faster than its limit allows; ask again in {seconds} s",
            headers={"Retry-After": str(seconds)},
        )


class BodyTooLarge(Problem):
    """The request's body is larger than what the plugin takes."""

    status = 413
    slug = "body-too-large"
    title = "The request body is too large"


class Limiter:
    """A rate limit for each caller: `rate` requests a second, `burst` at once.

    The generic cell rate algorithm (ITU-T I.371): a token bucket that needs one number a caller, the moment at which
    the bucket would be full again.
    """

    MOST_CALLERS = 10_000
    """Callers remembered; beyond them the one known longest is forgotten, which only fills its bucket."""

    def __init__(self, rate: float, burst: int, *, clock: Callable[[], float] = monotonic) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._full_at: dict[str, float] = {}

    def check(self, caller: str) -> None:
        """Raise `TooManyRequests` if the caller's bucket is empty; takes nothing from it."""
        self._check(self._full_at.get(caller, 0.0), self._clock(), self._rate, self._burst)

    def take(self, caller: str, rate: float | None = None, burst: int | None = None) -> None:
        """Take one request from the caller's bucket; raise `TooManyRequests` if it is empty.

        `rate` and `burst`: the caller's own, in place of everybody's.
        """
        rate, burst = rate or self._rate, burst or self._burst
        full_at, now = self._full_at.get(caller), self._clock()
        if full_at is None and len(self._full_at) >= self.MOST_CALLERS:
            del self._full_at[next(iter(self._full_at))]
        if full_at is None or full_at < now:
            full_at = now
        self._check(full_at, now, rate, burst)
        self._full_at[caller] = full_at + 1 / rate

    def _check(self, full_at: float, now: float, rate: float, burst: int) -> None:
        # A nanosecond of slack: sums of floats must not refuse the last request of a burst.
        wait = full_at - now - (burst - 1) / rate - 1e-9
        if wait > 0:
            raise TooManyRequests(wait)


def limit_body(request: web.Request, limit: int) -> web.Request:
    """The request, of whose body no more than `limit` bytes can be read; raises `BodyTooLarge` where it says so itself.

    aiohttp ignores the limit of a sub-application, because the server's root makes the requests. A body without a
    Content-Length is counted while it is read, by a clone of the request that has this limit.
    """
    length = request.content_length
    if length is None:
        return request.clone(client_max_size=limit)
    if length > limit:
        raise BodyTooLarge(f"The body has {length} bytes, at most {limit} are taken here")
    return request
