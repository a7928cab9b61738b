"""`/-/api/v1/client-requests`: asking for a client, supporting, approving and refusing that, taking its key."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct, structs

from serai.context import Call
from serai.declarations import Api, Page, PageQuery
from serai.hosting.permissions import Permissions
from serai.identity import clients, requests
from serai.identity.profiles import ClientRefused
from serai.identity.requests import Someone
from serai.telemetry import logs

api = Api(version=1)
log = logs.get(__name__)

APPROVER = "kernel:clients"

Text = Annotated[str, Meta(max_length=200)]
Number = Annotated[int, Meta(ge=1)]
State = Literal["waiting", "approved", "refused", "claimed"]


class NewRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A client that somebody needs."""

    name: Text
    owner: Annotated[str, Meta(max_length=200, description="Who will answer for it: an emplid, or a team")]
    scopes: Annotated[list[Text], Meta(min_length=1, max_length=200)]
    purpose: Annotated[str, Meta(min_length=1, max_length=200, description="What for, in one sentence")]
    person: Annotated[str, Meta(max_length=11, description="Your emplid, for a key of your own")] | None = None
    expires_at: Annotated[datetime, Meta(tz=True)] | None = None


class RequestQuery(PageQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which requests to list."""

    state: State | None = None


class ClientRequest(Struct, frozen=True, kw_only=True):
    """A request for a client."""

    id: int
    name: str
    owner: str
    scopes: list[str]
    purpose: str
    person: str | None
    expires_at: datetime | None
    state: State
    requested_by: str
    requested_at: datetime
    endorsed_by: Annotated[str | None, Meta(description="Who of the owner's side supports it")]
    endorsed_at: datetime | None
    decided_by: str | None
    decided_at: datetime | None
    reason: Annotated[str | None, Meta(description="Of the decision")]
    client_id: Annotated[str | None, Meta(description="The client that was made")]
    claim_until: Annotated[datetime | None, Meta(description="Until when its key can be taken")]
    claimed_at: datetime | None


class NewRequestWithSecret(Struct, frozen=True, kw_only=True):
    """A request as it was made, with what takes the key once it is approved."""

    request: ClientRequest
    claim_secret: Annotated[str, Meta(description="Shown this once: keep it")]


class Decision(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why a request is approved or refused."""

    reason: Annotated[str, Meta(min_length=1, max_length=200)]


class Claim(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What shows that one asked."""

    claim_secret: Text


class ClaimedKey(Struct, frozen=True, kw_only=True):
    """The key, shown this once."""

    client_id: str
    name: str
    key: str


@api.post("/client-requests", authenticated=True, status=201, raises=[ClientRefused, requests.TooManyWaiting])
async def ask_for_client(call: Call, body: NewRequest) -> NewRequestWithSecret:
    """Ask for a client."""
    request, secret = await requests.ask(
        call.ctx.db,
        Someone.of(call.who),
        permissions=call.get(Permissions).known(),
        **structs.asdict(body),
    )
    call.headers["Cache-Control"] = "no-store"
    return NewRequestWithSecret(request=_shown(request), claim_secret=secret)


@api.get("/client-requests", authenticated=True)
async def list_client_requests(call: Call, query: RequestQuery) -> Page[ClientRequest]:
    """List requests, the newest first: an approver (`kernel:clients`) sees all, others those that concern them."""
    who = None if call.who.may(APPROVER) else Someone.of(call.who)
    before = call.position(query)
    found = await requests.read(
        call.ctx.db, who, state=query.state, limit=query.limit + 1, before=before[0] if before else None
    )
    page = found[: query.limit]
    more = [page[-1].id] if len(found) > query.limit else None
    return Page(items=[_shown(request) for request in page], next_cursor=call.cursor(query, more))


@api.get("/client-requests/{id}", authenticated=True, raises=[requests.NoSuchRequest])
async def get_client_request(call: Call, id: Number) -> ClientRequest:  # noqa: A002  the name in the path
    """Get one request."""
    return _shown(await _visible(call, id))


@api.post(
    "/client-requests/{id}/endorse",
    authenticated=True,
    raises=[requests.NoSuchRequest, requests.AlreadyDecided, requests.NotYours],
)
async def endorse_client_request(call: Call, id: Number) -> ClientRequest:  # noqa: A002
    """Support a request as its owner."""
    await _visible(call, id)
    return _shown(await requests.endorse(call.ctx.db, id, Someone.of(call.who)))


@api.post(
    "/client-requests/{id}/approve",
    permission=APPROVER,
    raises=[
        requests.NoSuchRequest,
        requests.AlreadyDecided,
        requests.NotYours,
        clients.NameTaken,
        ClientRefused,
    ],
)
async def approve_client_request(call: Call, id: Number, body: Decision) -> ClientRequest:  # noqa: A002
    """Approve a request of somebody else: its client is made, and who asked can take the key for seven days."""
    approved = await requests.approve(call.ctx.db, id, Someone.of(call.who), reason=body.reason)
    log.info("a request for a client was approved", request=id, client=approved.name, by=call.who.name)
    return _shown(approved)


@api.post("/client-requests/{id}/refuse", authenticated=True, raises=[requests.NoSuchRequest, requests.AlreadyDecided])
async def refuse_client_request(call: Call, id: Number, body: Decision) -> ClientRequest:  # noqa: A002
    """Refuse a request as an approver or its owner, or withdraw your own."""
    await _visible(call, id)
    return _shown(await requests.refuse(call.ctx.db, id, Someone.of(call.who), reason=body.reason))


@api.post(
    "/client-requests/{id}/claim",
    authenticated=True,
    status=201,
    raises=[requests.NoSuchRequest, requests.WrongSecret, requests.NotClaimable, requests.ClaimOver],
)
async def claim_key(call: Call, id: Number, body: Claim) -> ClaimedKey:  # noqa: A002
    """Take the key of an approved request: it is made now, and shown this once."""
    request, key = await requests.claim(call.ctx.db, id, body.claim_secret)
    call.headers["Cache-Control"] = "no-store"
    return ClaimedKey(client_id=request.client_id or "", name=request.name, key=key)


async def _visible(call: Call, number: int) -> requests.Request:
    """The request, if the caller may know of it."""
    request = await requests.find(call.ctx.db, number)
    if call.who.may(APPROVER) or request.concerns(Someone.of(call.who)):
        return request
    raise requests.NoSuchRequest(f"There is no request {number}")


def _shown(request: requests.Request) -> ClientRequest:
    return ClientRequest(**{name: getattr(request, name) for name in ClientRequest.__struct_fields__})
