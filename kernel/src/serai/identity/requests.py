"""Requests for a client and its key: asked for by one, supported by the owner's side, decided on by an approver.

`waiting` becomes `approved` or `refused`; `approved` becomes `claimed` when who asked takes the key. The key is made at
that moment, so that nobody else sees it: who asks gets a secret with the request, which takes the key once, within
seven days of the approval.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import attrs

from serai.context import Database, Principal
from serai.errors import Conflict, Forbidden, Mistake, NotFound, Problem
from serai.identity import clients
from serai.identity.audit import AuditLog
from serai.identity.keys import digest
from serai.identity.profiles import ClientRefused, Profile, checked

CLAIM_DAYS = 7
"""Days after the approval in which the key can be taken."""
MOST_WAITING = 50
"""Requests of one asker that wait, about: several at the same moment are not counted together."""
_ASKED = ("name", "owner", "person", "scopes", "purpose", "expires_at")
_COLUMNS = (
    "id", *_ASKED, "requested_by", "requester_person", "requested_at", "state", "endorsed_by", "endorsed_at",
    "decided_by", "decided_at", "reason", "client_id", "claim_digest", "claim_until", "claimed_at",
)  # fmt: skip
_SELECT = f"select {', '.join(_COLUMNS)} from serai.client_request"  # noqa: S608  our own names of columns
_INSERT = f"""
    insert into serai.client_request
        ({", ".join(_ASKED)}, requested_by, requester_person, endorsed_by, endorsed_at, claim_digest)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, case when $9::text is not null then now() end, $10)
    returning {", ".join(_COLUMNS)}
"""  # noqa: S608
_SECRET_PREFIX = "claim_"  # noqa: S105  not a secret, it begins one


class NoSuchRequest(NotFound):
    """There is no such request, or none that the caller may know of."""

    slug = "client-request-not-found"
    title = "No such request"


class AlreadyDecided(Conflict):
    """The request was approved or refused before."""

    slug = "client-request-decided"
    title = "The request is decided"


class TooManyWaiting(Conflict):
    """Who asks has many requests that wait already."""

    slug = "too-many-client-requests"
    title = "Too many requests for clients wait"


class NotYours(Forbidden):
    """Who asked for a client must not decide on it; the owner's side supports a request, an approver decides."""

    slug = "client-request-not-yours"
    title = "Somebody else has to say this"


class NotClaimable(Conflict):
    """The request is not approved, so there is no key to take."""

    slug = "client-request-not-approved"
    title = "There is no key to take yet"


class ClaimOver(Problem):
    """The key was taken already, or not within its days."""

    status = 410
    slug = "claim-over"
    title = "The key can no longer be taken"


class WrongSecret(Forbidden):
    """The claim secret is not the one that came with the request."""

    slug = "wrong-claim-secret"
    title = "The claim secret is wrong"


@attrs.frozen(kw_only=True)
class Someone:
    """Who asks or decides: a principal, or an account on the machine."""

    id: str
    person: str | None = None
    """Their emplid, where it is known."""

    @classmethod
    def of(cls, who: Principal) -> Someone:
        """The caller of a route."""
        return cls(id=who.id, person=who.person)


@attrs.frozen(kw_only=True)
class Request:
    """A request as it is kept. Times are UTC."""

    id: int
    name: str
    owner: str
    person: str | None
    scopes: list[str]
    purpose: str
    expires_at: datetime | None
    requested_by: str
    requester_person: str | None
    requested_at: datetime
    state: str
    """`waiting`, `approved`, `refused` or `claimed`."""
    endorsed_by: str | None
    """Who of the owner's side supports it."""
    endorsed_at: datetime | None
    decided_by: str | None
    decided_at: datetime | None
    reason: str | None
    client_id: str | None
    claim_digest: bytes = attrs.field(repr=False)
    claim_until: datetime | None
    claimed_at: datetime | None

    def concerns(self, who: Someone) -> bool:
        """Whether somebody asked for it, or is its owner."""
        return self.asked_by(who) or self.owned_by(who)

    def asked_by(self, who: Someone) -> bool:
        return who.id == self.requested_by or (who.person is not None and who.person == self.requester_person)

    def owned_by(self, who: Someone) -> bool:
        return who.person is not None and who.person == self.owner


async def ask(
    database: Database, by: Someone, *, permissions: Collection[str] | None = None, **asked: Any
) -> tuple[Request, str]:
    """Ask for a client with these settings (name, owner, person, scopes, purpose, expires_at); its claim secret.

    An owner who asks supports it thereby. Raises `ClientRefused` with every mistake, and `TooManyWaiting`.
    """
    profile = checked(Profile(**asked), permissions=permissions)
    if profile.person is not None and by.person is not None and profile.person != by.person:
        raise ClientRefused([Mistake(("person",), f"your own emplid {by.person}, or none", repr(profile.person))])
    secret = _SECRET_PREFIX + secrets.token_urlsafe(32)
    endorsed_by = by.id if by.person is not None and by.person == profile.owner else None
    async with database.raw() as connection:
        waiting = await connection.fetchval(
            "select count(*) from serai.client_request where requested_by = $1 and state = 'waiting'", by.id
        )
        if waiting >= MOST_WAITING:
            raise TooManyWaiting(
                f"{waiting} requests of {by.id} wait already", hint="wait until they are decided on, or refuse some"
            )
        row = await connection.fetchrow(
            _INSERT,
            *(getattr(profile, name) for name in _ASKED),
            by.id,
            by.person,
            endorsed_by,
            digest(secret),
        )
    return _request(row), secret


async def read(
    database: Database, who: Someone | None, *, state: str | None = None, limit: int, before: int | None = None
) -> list[Request]:
    """Requests, the newest first: those that concern `who`, or all for None. `before`: an id, where a page ended."""
    async with database.raw() as connection:
        rows = await connection.fetch(
            f"{_SELECT} where ($1::text is null or state = $1) and ($2::bigint is null or id < $2)"
            " and ($3::text is null or requested_by = $3 or requester_person = $4 or owner = $4)"
            " order by id desc limit $5",
            state,
            before,
            who.id if who else None,
            who.person if who else None,
            limit,
        )
    return [_request(row) for row in rows]


async def find(database: Database, number: int) -> Request:
    """One request. Raises `NoSuchRequest`."""
    async with database.raw() as connection:
        return await _find(connection, number)


async def endorse(database: Database, number: int, by: Someone) -> Request:
    """The owner's side supports a waiting request."""
    async with _deciding(database, number) as (connection, request):
        if not request.owned_by(by):
            raise NotYours(f"Only {request.owner}, who would answer for {request.name}, supports this request")
        return await _update(connection, number, "endorsed_by = $2, endorsed_at = coalesce(endorsed_at, now())", by.id)


async def approve(database: Database, number: int, by: Someone, *, reason: str) -> Request:
    """Make the client that a waiting request asks for; who asked can take its key from now on.

    The caller has checked that `by` may. Raises `AlreadyDecided`, `NotYours` where `by` asked for it, `NameTaken`, and
    `ClientRefused` where something has become wrong since, as an expiry that has passed.
    """
    async with _deciding(database, number) as (connection, request):
        if request.asked_by(by):
            raise NotYours(f"Request {number} was asked for by {by.id}: somebody else has to approve it")
        profile = checked(Profile(**{name: getattr(request, name) for name in _ASKED}))
        client_id = await clients.insert(connection, profile)
        await _audit(database, connection, "approve", request, reason)
        return await _update(
            connection,
            number,
            "state = 'approved', decided_by = $2, decided_at = now(), reason = $3, client_id = $4, claim_until = $5",
            by.id,
            reason,
            client_id,
            datetime.now(UTC) + timedelta(days=CLAIM_DAYS),
        )


async def refuse(database: Database, number: int, by: Someone, *, reason: str) -> Request:
    """Refuse a waiting request; who asked may so withdraw it, and the owner's side too. The caller has checked that."""
    async with _deciding(database, number) as (connection, request):
        await _audit(database, connection, "refuse", request, reason)
        return await _update(
            connection, number, "state = 'refused', decided_by = $2, decided_at = now(), reason = $3", by.id, reason
        )


async def claim(database: Database, number: int, secret: str) -> tuple[Request, str]:
    """The key of an approved request, made now and seen only now.

    Raises `NoSuchRequest`, `WrongSecret`, `NotClaimable`, `ClaimOver`.
    """
    async with database.raw() as connection, connection.transaction():
        request = await _find(connection, number, " for update")
        if not secret.isascii() or not hmac.compare_digest(request.claim_digest, digest(secret)):
            raise WrongSecret(f"The secret does not belong to request {number}")
        if request.state == "claimed":
            raise ClaimOver(f"The key of request {number} was taken at {request.claimed_at:%Y-%m-%d %H:%M} UTC")
        if request.state != "approved" or request.client_id is None or request.claim_until is None:
            raise NotClaimable(f"Request {number} is {request.state}", hint=request.reason or "")
        if request.claim_until <= datetime.now(UTC):
            raise ClaimOver(
                f"The key of request {number} could be taken until {request.claim_until:%Y-%m-%d %H:%M} UTC",
                hint=f"an operator can make one: serai clients rotate {request.name}",
            )
        key = await clients.first_key(connection, database, request.client_id)
        await _audit(database, connection, "claim", request)
        return await _update(connection, number, "state = 'claimed', claimed_at = now()"), key


@asynccontextmanager
async def _deciding(database: Database, number: int) -> AsyncIterator[tuple[asyncpg.Connection, Request]]:
    """A transaction that holds a request on which nobody has decided."""
    async with database.raw() as connection, connection.transaction():
        request = await _find(connection, number, " for update")
        if request.state != "waiting":
            raise AlreadyDecided(f"Request {number} was decided on by {request.decided_by}: it is {request.state}")
        yield connection, request


async def _audit(
    database: Database, connection: asyncpg.Connection, action: str, request: Request, reason: str = ""
) -> None:
    asked = {name: getattr(request, name) for name in _ASKED}
    await AuditLog(database, "kernel").write(
        f"client_request.{action}", subject=str(request.id), after=asked, reason=reason, connection=connection
    )


async def _find(connection: asyncpg.Connection, number: int, lock: str = "") -> Request:
    row = await connection.fetchrow(f"{_SELECT} where id = $1{lock}", number)
    if row is None:
        raise NoSuchRequest(f"There is no request {number}")
    return _request(row)


async def _update(connection: asyncpg.Connection, number: int, change: str, *values: Any) -> Request:
    return _request(
        await connection.fetchrow(
            f"update serai.client_request set {change} where id = $1 returning {', '.join(_COLUMNS)}",  # noqa: S608
            number,
            *values,
        )
    )


def _request(row: Mapping[str, Any]) -> Request:
    return Request(**row)
