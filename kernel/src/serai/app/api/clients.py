"""`/-/api/v1/clients`: clients, their keys and their use."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import attrs
from msgspec import UNSET, Meta, Struct, UnsetType, structs

from serai.context import Call
from serai.declarations import Api, Page, PageQuery
from serai.hosting.permissions import Permissions
from serai.identity import api_keys, clients, quotas
from serai.identity.profiles import ClientRefused
from serai.telemetry import logs
from serai.web.preconditions import PreconditionFailed, PreconditionRequired, require_match

api = Api(version=1)
log = logs.get(__name__)

Text = Annotated[str, Meta(max_length=200)]
Scopes = Annotated[list[Text], Meta(max_length=200)]
Networks = Annotated[list[Text], Meta(max_length=200)]
Moment = Annotated[datetime, Meta(tz=True)]
Quota = Annotated[int, Meta(ge=1)]
Rate = Annotated[float, Meta(gt=0, le=1_000_000)]
Burst = Annotated[int, Meta(ge=1, le=1_000_000)]
NameOrId = Annotated[str, Meta(max_length=63, description="The client's name or id")]


class Client(Struct, frozen=True, kw_only=True):
    """A client: whose, what it may do and how much."""

    id: str
    name: str
    owner: str
    scopes: list[str]
    person: Annotated[str | None, Meta(description="The emplid of the colleague whose own it is; null: a system's")]
    purpose: Annotated[str, Meta(description="Why it reads personal data")]
    fields: Annotated[
        list[str] | None, Meta(description="The personal fields that it may see at most; null: no limit but its scopes")
    ]
    daily_quota: Annotated[int | None, Meta(description="Requests a day of the company; null: no limit")]
    rate: Annotated[float | None, Meta(description="Requests a second; null: the kernel's default")]
    burst: Annotated[int | None, Meta(description="Requests at once; null: the kernel's default")]
    networks: Annotated[list[str], Meta(description="Where from it may ask; empty: from anywhere")]
    expires_at: datetime | None
    created_at: datetime
    suspended_at: datetime | None
    suspended_by: str | None
    suspended_reason: str | None
    revoked_at: datetime | None


class NewClient(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A client to make."""

    name: Text
    owner: Text
    scopes: Scopes = []
    person: Text | None = None
    purpose: Text = ""
    fields: Scopes | None = None
    daily_quota: Quota | None = None
    rate: Rate | None = None
    burst: Burst | None = None
    networks: Networks = []
    expires_at: Moment | None = None


class ClientChanges(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What shall be otherwise of a client; what is left out stays."""

    owner: Text | UnsetType = UNSET
    scopes: Scopes | UnsetType = UNSET
    person: Text | UnsetType | None = UNSET
    purpose: Text | UnsetType = UNSET
    fields: Scopes | UnsetType | None = UNSET
    daily_quota: Quota | UnsetType | None = UNSET
    rate: Rate | UnsetType | None = UNSET
    burst: Burst | UnsetType | None = UNSET
    networks: Networks | UnsetType = UNSET
    expires_at: Moment | UnsetType | None = UNSET


class ClientKey(Struct, frozen=True, kw_only=True):
    """A client with a key of its own, which is shown this once."""

    client: Client
    key: str


class Suspension(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why a client is refused for now."""

    reason: Annotated[str, Meta(min_length=1, max_length=200)]


class Rotation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a client moves to a new key."""

    overlap: Annotated[int, Meta(ge=0, le=90 * 86_400, description="Seconds for which the key before it lives on")] = (
        7 * 86_400
    )


class Key(Struct, frozen=True, kw_only=True):
    """A key as it is kept: never the key itself."""

    beginning: Annotated[str | None, Meta(description="Its first 8 characters; null of an old one")]
    created_at: datetime
    expires_at: Annotated[datetime | None, Meta(description="When it ends before its client does")]
    last_used_at: Annotated[datetime | None, Meta(description="To the minute")]
    live: Annotated[bool, Meta(description="Not ended")]


class Use(Struct, frozen=True, kw_only=True):
    """What a client asks."""

    requests_today: Annotated[int, Meta(description="Counted for clients with a quota, some seconds late")]
    keys: list[Key]


@api.get("/clients", permission="kernel:clients")
async def list_clients(call: Call, query: PageQuery) -> Page[Client]:
    """List the clients by name, the revoked ones too."""
    known = [_shown(client) for client in await clients.list_clients(call.ctx.db)]
    after = call.position(query)
    if after is not None:
        known = [client for client in known if [client.name, client.id] > after]
    known.sort(key=lambda client: (client.name, client.id))
    page, rest = known[: query.limit], known[query.limit :]
    return Page(items=page, next_cursor=call.cursor(query, [page[-1].name, page[-1].id] if rest else None))


@api.post("/clients", permission="kernel:clients", status=201, raises=[ClientRefused, clients.NameTaken])
async def make_client(call: Call, body: NewClient) -> ClientKey:
    """Make a client and its key, which is shown this once."""
    settings = structs.asdict(body)
    client, key = await clients.add(call.ctx.db, permissions=call.get(Permissions).known(), **settings)
    log.info("a client was made", client=client.name, by=call.who.name)
    return _once(call, client, key)


@api.get("/clients/{client}", permission="kernel:clients", raises=[clients.NoSuchClient])
async def get_client(call: Call, client: NameOrId) -> Client:
    """Get one client. Its `ETag` is what `If-Match` asks for when it is changed."""
    found = await clients.find(call.ctx.db, client)
    call.headers["ETag"] = _etag(found)
    return _shown(found)


@api.patch(
    "/clients/{client}",
    permission="kernel:clients",
    raises=[
        ClientRefused,
        clients.NoSuchClient,
        clients.NotForRevoked,
        PreconditionFailed,
        PreconditionRequired,
    ],
)
async def change_client(call: Call, client: NameOrId, body: ClientChanges) -> Client:
    """Change a client, in every process within a second. Needs `If-Match` with the `ETag` of what you have read."""
    changed = await clients.edit(
        call.ctx.db,
        client,
        {name: value for name, value in structs.asdict(body).items() if value is not UNSET},
        permissions=call.get(Permissions).known(),
        agree=lambda found: require_match(call.request, _etag(found)),
    )
    return _done(call, changed, "a client was changed")


@api.post(
    "/clients/{client}/suspend", permission="kernel:clients", raises=[clients.NoSuchClient, clients.NotForRevoked]
)
async def suspend_client(call: Call, client: NameOrId, body: Suspension) -> Client:
    """Refuse a client everywhere, within a second, until it is resumed."""
    suspended = await clients.suspend(call.ctx.db, client, by=call.who.name, reason=body.reason)
    return _done(call, suspended, "a client was suspended")


@api.post("/clients/{client}/resume", permission="kernel:clients", raises=[clients.NoSuchClient, clients.NotForRevoked])
async def resume_client(call: Call, client: NameOrId) -> Client:
    """Serve a suspended client again."""
    return _done(call, await clients.resume(call.ctx.db, client), "a client was resumed")


@api.post("/clients/{client}/revoke", permission="kernel:clients", raises=[clients.NoSuchClient, clients.NotForRevoked])
async def revoke_client(call: Call, client: NameOrId) -> Client:
    """Refuse a client for good."""
    return _done(call, await clients.revoke(call.ctx.db, client), "a client was revoked")


@api.post(
    "/clients/{client}/rotate",
    permission="kernel:clients",
    raises=[clients.NoSuchClient, clients.NotForRevoked, api_keys.TwoKeysLive],
)
async def rotate_key(call: Call, client: NameOrId, body: Rotation) -> ClientKey:
    """Make a new key, which is shown this once; the one before it ends after `overlap` seconds."""
    rotated, key = await clients.rotate(call.ctx.db, client, overlap=body.overlap)
    log.info("a client has a new key", client=rotated.name, by=call.who.name)
    return _once(call, rotated, key)


@api.get("/clients/{client}/use", permission="kernel:clients", raises=[clients.NoSuchClient])
async def get_use(call: Call, client: NameOrId) -> Use:
    """Get a client's keys with their last use, and how much it has asked today."""
    found = await clients.find(call.ctx.db, client)
    keys = [Key(**attrs.asdict(key)) for key in await api_keys.list_keys(call.ctx.db, found.id)]
    return Use(requests_today=await quotas.used_today(call.ctx.db, found.id), keys=keys)


def _done(call: Call, client: clients.Client, event: str) -> Client:
    log.info(event, client=client.name, by=call.who.name)
    call.headers["ETag"] = _etag(client)
    return _shown(client)


def _once(call: Call, client: clients.Client, key: str) -> ClientKey:
    call.headers["Cache-Control"] = "no-store"
    return ClientKey(client=_shown(client), key=key)


def _etag(client: clients.Client) -> str:
    """Its version: what `Client` shows changes with it, and with nothing else."""
    return f'"{client.id}.{client.version}"'


def _shown(client: clients.Client) -> Client:
    kept = client.profile
    return Client(
        id=client.id,
        name=kept.name,
        owner=kept.owner,
        scopes=list(kept.scopes),
        person=kept.person,
        purpose=kept.purpose,
        fields=None if kept.fields is None else list(kept.fields),
        daily_quota=kept.daily_quota,
        rate=kept.rate,
        burst=kept.burst,
        networks=[str(network) for network in kept.networks],
        expires_at=kept.expires_at,
        created_at=client.created_at,
        suspended_at=client.suspended_at,
        suspended_by=client.suspended_by,
        suspended_reason=client.suspended_reason,
        revoked_at=client.revoked_at,
    )
