"""`Profile`: all of a client that people decide, and the checks that name every mistake in it at once."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from difflib import get_close_matches
from ipaddress import ip_network
from typing import Any

import attrs

from serai.errors import Mistake, Refused
from serai.identity.addresses import Network

PERSON = re.compile(r"[0-9A-Za-z]{1,11}", re.ASCII)
"""An emplid."""
_NAME = re.compile(r"(?!cl_)[A-Za-z0-9][A-Za-z0-9_.@ -]{0,62}", re.ASCII)
_FIELD = re.compile(r"[a-z][a-z0-9_]{1,30}(\.[a-z0-9_]+)+", re.ASCII)
_LATEST = datetime(3000, 1, 1, tzinfo=UTC)
_LONGEST_OWNER, LONGEST_PURPOSE = 100, 200
_MOST_A_DAY, _MOST_AT_ONCE, _MOST_A_SECOND = 2**53 - 1, 1_000_000, 1_000_000


class ClientRefused(Refused):
    """What is wanted of a client cannot be: every mistake is listed under `errors` with its JSON pointer."""

    slug = "client-refused"
    title = "The client cannot be as described"

    def __init__(self, mistakes: Collection[Mistake]) -> None:
        told = "; ".join(f"{m.dotted}: expected {m.expected}, found {m.found}" for m in mistakes)
        errors = [{"pointer": m.pointer, "expected": m.expected, "found": m.found} for m in mistakes]
        super().__init__(f"The client cannot be as described: {told}", members={"errors": errors})
        self.mistakes = tuple(mistakes)


def _sorted(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(names)))


@attrs.frozen(kw_only=True)
class Profile:
    """What a client is and may do. Times are UTC."""

    name: str
    owner: str
    """Who answers for it: a person (an emplid) or a team."""
    scopes: tuple[str, ...] = attrs.field(converter=_sorted)
    """The permissions that it holds."""
    person: str | None = None
    """The emplid of the colleague whose own key it is; None where a system calls."""
    purpose: str = ""
    """Why it reads personal data, in one sentence: kept with everything that it is shown."""
    fields: tuple[str, ...] | None = attrs.field(default=None, converter=attrs.converters.optional(_sorted))
    """The personal fields that it may see at most, whatever its scopes allow; None: no such limit."""
    daily_quota: int | None = None
    """Requests a day of the company; None: no limit."""
    rate: float | None = None
    """Requests a second in the long run; None: the kernel's `client_rate`."""
    burst: int | None = None
    """Requests at once; None: the kernel's `client_burst`."""
    networks: tuple[Network | str, ...] = attrs.field(default=(), converter=tuple[Network | str, ...])
    """Where from it may ask; empty: from anywhere. Texts become networks when they are checked."""
    expires_at: datetime | None = None
    """When all its keys are refused."""


SETTINGS = tuple(field.name for field in attrs.fields(Profile))


def checked(
    profile: Profile, *, permissions: Collection[str] | None = None, changed: Collection[str] = SETTINGS
) -> Profile:
    """The profile as it can be kept. Raises `ClientRefused` with every mistake.

    `permissions`: all that there are, where that is known. `changed`: what was said just now; an old expiry or a scope
    whose plugin is gone is no mistake of whoever changes something else.
    """
    mistakes = [mistake for mistake in _mistakes(profile, permissions) if mistake.path[0] in changed]
    if mistakes:
        raise ClientRefused(mistakes)
    return attrs.evolve(profile, networks=tuple(ip_network(network) for network in profile.networks))


def evolved(profile: Profile, changes: Mapping[str, Any]) -> Profile:
    """The profile with some settings changed."""
    return attrs.evolve(profile, **changes)


def _mistakes(profile: Profile, permissions: Collection[str] | None) -> Iterator[Mistake]:
    if not _NAME.fullmatch(profile.name):
        expected = "1 to 63 letters, digits, blanks and . _ - @, a letter or digit first, not cl_ at the start"
        yield Mistake(("name",), expected, repr(profile.name))
    if not profile.owner.strip() or not _is_line(profile.owner, _LONGEST_OWNER):
        yield Mistake(("owner",), f"a line of 1 to {_LONGEST_OWNER} characters", repr(profile.owner))
    yield from _unknown_scopes(profile.scopes, permissions)
    if profile.person is not None and not PERSON.fullmatch(profile.person):
        yield Mistake(("person",), "an emplid, at most 11 letters and digits", repr(profile.person))
    if not _is_line(profile.purpose, LONGEST_PURPOSE):
        yield Mistake(("purpose",), f"one line of at most {LONGEST_PURPOSE} characters", repr(profile.purpose))
    for number, field in enumerate(profile.fields or ()):
        if not _FIELD.fullmatch(field):
            yield Mistake(("fields", number), "a personal field's name, as isapi.mobile_phone", repr(field))
    yield from _unfit_limits(profile)
    for number, network in enumerate(profile.networks):
        try:
            ip_network(network)
        except ValueError:
            yield Mistake(("networks", number), "a network such as 10.1.0.0/16, or an address", repr(network))
    if profile.expires_at is not None and not datetime.now(UTC) < profile.expires_at < _LATEST:
        yield Mistake(("expires_at",), f"a moment to come, before {_LATEST.year}", profile.expires_at.isoformat())


def _unknown_scopes(scopes: Collection[str], permissions: Collection[str] | None) -> Iterator[Mistake]:
    if permissions is None:
        return
    for number, scope in enumerate(scopes):
        if scope not in permissions:
            near = get_close_matches(scope, permissions, n=1)
            known = f"perhaps {near[0]}" if near else f"one of {', '.join(sorted(permissions)) or 'none'}"
            yield Mistake(("scopes", number), f"a permission that a plugin declares, {known}", repr(scope))


def _unfit_limits(profile: Profile) -> Iterator[Mistake]:
    if profile.daily_quota is not None and not 1 <= profile.daily_quota <= _MOST_A_DAY:
        yield Mistake(("daily_quota",), "at least 1 request", str(profile.daily_quota))
    if profile.rate is not None and not (math.isfinite(profile.rate) and 0 < profile.rate <= _MOST_A_SECOND):
        yield Mistake(("rate",), f"more than 0 and at most {_MOST_A_SECOND} requests a second", str(profile.rate))
    if profile.burst is not None and not 1 <= profile.burst <= _MOST_AT_ONCE:
        yield Mistake(("burst",), f"1 to {_MOST_AT_ONCE} requests", str(profile.burst))


def _is_line(text: str, longest: int) -> bool:
    return len(text) <= longest and text.isprintable()
