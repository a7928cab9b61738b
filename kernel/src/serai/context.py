"""What a plugin receives: Protocols that `hosting`, `web` and `work` fill."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Mapping, MutableMapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import attrs
from msgspec import Struct

from serai.declarations import EncryptedColumn, Event, Log, PageQuery, Task, Topic

if TYPE_CHECKING:  # to import them takes longer than most commands do
    import asyncpg
    from aiohttp import web
    from sqlalchemy.ext.asyncio import AsyncConnection

T = TypeVar("T")
P = TypeVar("P", bound=Struct)


class Database(Protocol):
    """The deployment's PostgreSQL as one plugin sees it. Connections come from the process's one budget."""

    schema: str
    """The plugin's own schema: its name."""

    def connect(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A SQLAlchemy connection, rolled back at the end."""

    def begin(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A SQLAlchemy connection in a transaction: committed at the end, rolled back when something raises."""

    def raw(self) -> AbstractAsyncContextManager[asyncpg.Connection]:
        """An asyncpg connection, for COPY and for hot reads."""

    def listen(self, channel: str, callback: Callable[[str | None], Awaitable[None] | None]) -> None:
        """Call `callback(payload)` for each NOTIFY on `{schema}.{channel}`, in any process.

        Called with None when listening has begun and after a lost connection came back: notifications may have been
        missed until then, so read again.
        """

    async def notify(
        self, channel: str, payload: str = "", *, connection: AsyncConnection | asyncpg.Connection | None = None
    ) -> None:
        """NOTIFY `{schema}.{channel}`, at the commit of `connection`'s transaction where one is given."""


class Devices(Protocol):
    """The deployment's devices."""

    def get(self, protocol: type[T], name: str) -> T:
        """The device of that name, which satisfies the kind's Protocol.

        Raises `DeviceDown` (503) while it is not ready, `PluginError` where there is none or it is of another kind.
        """

    async def wait_for(self, protocol: type[T], name: str, *, timeout: float) -> T:
        """The same, once the device is ready; raises what `get` raises where it is not within `timeout` seconds."""

    def state(self, name: str) -> DeviceState:
        """How the device is now."""


@attrs.frozen(kw_only=True)
class DeviceState:
    """How a device is: `connecting`, `ready`, `lost`, `backing off`, `held elsewhere` or `misconfigured`."""

    name: str
    kind: str
    driver: str
    state: str
    since: datetime
    reason: str = ""
    hint: str = ""


class Services(Protocol):
    """What plugins of this deployment do for each other, each by the Protocol that both sides import."""

    def offer(self, protocol: type[T], service: T) -> None:
        """Let others find `service` until the plugin stops; `PluginInfo.services` names the Protocol.

        Raises `PluginError` where it does not, where the service lacks one of the Protocol's members, or where another
        plugin offers the same.
        """

    def get(self, protocol: type[T]) -> T:
        """What a running plugin offers. Ask each time: it may stop and come back. Raises `Unavailable` (503)."""


class Relations(Protocol):
    """A service: what colleagues are to each other."""

    async def of(self, viewer: str, subjects: Sequence[str]) -> Mapping[str, frozenset[str]]:
        """For each subject, as whom the viewer sees it: of `self`, `managers` and `hrbp` those that hold (emplids)."""


@attrs.frozen
class View:
    """What somebody sees of a Struct's personal fields, which are named here as the class names them."""

    key: str
    """The same for the same view: to keep by it what was made for one."""
    clear: frozenset[str]
    masked: frozenset[str]
    hidden: frozenset[str]


@attrs.frozen
class Redacted(Generic[T]):
    """A value as somebody may see it, and the names on the wire of what is not there or masked."""

    value: T
    hidden: frozenset[str]
    masked: frozenset[str]
    subjects: frozenset[str] = frozenset()
    """The people (emplids) of whom it shows personal fields in clear."""
    fields: frozenset[str] = frozenset()
    """The names of the declarations of these fields."""


class Viewer(Protocol):
    """One caller's eyes."""

    def widest(self, shape: type[Struct]) -> View:
        """What the caller may see of somebody, at the most: what is hidden here need not be read."""

    def everybody(self, shape: type[Struct]) -> View:
        """What the caller may see of everybody."""

    async def views(self, shape: type[Struct], subjects: Collection[str]) -> Mapping[str, View]:
        """What the caller may see of each of these people (emplids)."""

    async def show(self, value: T) -> Redacted[T]:
        """The value, of Structs at any depth, as the caller may see it."""

    def note(self, route: str, seen: Redacted[Any], purpose: str = "") -> None:
        """Write into the log of who saw what that the caller is shown this; nothing where it shows nothing personal.

        The kernel does it for typed routes, feeds and webhooks. `route` is a whole template, `purpose` what the request
        says that it is for. Raises a 503 where it cannot be written: then nothing may be shown.
        """


class Fields(Protocol):
    """The field policy: who sees which personal fields. The kernel applies it to all answers of typed handlers."""

    def of(self, who: Principal) -> Viewer:
        """That caller's eyes."""

    def view(
        self,
        shape: type[Struct],
        scopes: Collection[str],
        relations: Collection[str] = (),
        *,
        at_most: frozenset[str] | None = None,
    ) -> View:
        """What is seen by who holds these permissions and, for a colleague, has these relations to the person.

        `at_most`: names of declarations; of other fields nothing is seen, not even masked.
        """

    def show(self, value: T, view_of: Callable[[type[Struct], str | None], View]) -> Redacted[T]:
        """The value as seen by `view_of(shape, subject)`; the subject is None where nothing says whose it is."""


class Queue(Protocol):
    """Work that is done later, surely and at least once."""

    async def put(
        self,
        task: Task[P],
        payload: P,
        *,
        connection: AsyncConnection | asyncpg.Connection | None = None,
        dedupe_key: str | None = None,
        delay: float = 0.0,
    ) -> int | None:
        """Have the plugin's `task` called with `payload`, after `delay` seconds at the earliest; the task's number.

        In `connection`'s transaction where one is given: it is there when that commits, and never if it does not.
        With a `dedupe_key` it is left out, and None returned, while the same task with the same key waits or is
        worked on. Raises `PluginError` where the plugin does not declare the task.
        """


@attrs.frozen(kw_only=True)
class Answer:
    """What another system answered, whatever its status; a redirect is an answer too."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Http(Protocol):
    """HTTP to other systems, only to where the deployment allows it (`[kernel.outgoing]`)."""

    async def request(
        self,
        method: str,
        url: str,
        *,
        json: Any = None,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 30.0,
        limit: int = 1024 * 1024,
    ) -> Answer:
        """Send a request, and read the whole answer: `timeout` seconds for all of it, at most `limit` bytes.

        `json` is what msgspec encodes. Raises `Refused` where the URL may not be asked for, `Unavailable` where no
        usable answer comes.
        """


class Feed(Protocol):
    """The deployment's one append-only stream of what happened, in the order of commits."""

    async def publish(
        self,
        topic: Topic[P],
        key: str,
        payload: P | None,
        *,
        connection: AsyncConnection | asyncpg.Connection | None = None,
    ) -> None:
        """Say that something happened to `key`, in `connection`'s transaction; None: it is gone.

        Seen when the transaction commits, never if it does not. Without a connection it happens at once. Raises
        `TypeError` where the payload is not the topic's, `PluginError` for a topic that the plugin does not declare.
        """

    async def publish_many(
        self,
        topic: Topic[P],
        items: Iterable[tuple[str, P | None]],
        *,
        connection: AsyncConnection | asyncpg.Connection | None = None,
    ) -> None:
        """`publish` for many pairs of key and payload, in their order: 100,000 take seconds."""

    async def read(self, topics: Sequence[Topic[P]], *, after: int, limit: int = 100) -> list[Event[P]]:
        """The first `limit` events of the topics with a number above `after`, in their order.

        Raises a `Problem` (410) where events after `after` are pruned already, or `after` lies beyond the head.
        """

    async def head(self) -> int:
        """The newest number; who takes a snapshot after asking can follow from here."""

    async def oldest(self) -> int:
        """The least number that can be read after: what follows it is kept."""

    async def wait(self, after: int, timeout: float) -> bool:
        """Wait until something has a higher number than `after`, at most `timeout` seconds; whether it has."""


class Keys(Protocol):
    """Encryption with the deployment's keyring, `kernel.keys`, of columns that the plugin declares.

    All of it raises `PluginError` for a column that `PluginInfo.encrypted` does not list.
    """

    def encrypt(self, column: EncryptedColumn, row: Sequence[Any], value: str) -> bytes:
        """The value in a box, to be stored in that row and no other; `row` has the values of `column.row`.

        Never the same twice: compare values or indexes, not boxes.
        """

    def decrypt(self, column: EncryptedColumn, row: Sequence[Any], box: bytes) -> str:
        """The value in the box of that row.

        Raises `Unavailable` (503) where its key is not configured, `SeraiError` where the box was changed or moved.
        """

    def index(self, column: EncryptedColumn, value: str) -> bytes:
        """The blind index to be stored beside a value that is to be found again, 32 bytes: equal for equal values."""

    def indexes(self, column: EncryptedColumn, value: str) -> list[bytes]:
        """The blind indexes under which rows with that value may be stored: one a key, until a rotation has ended."""

    def derive(self, purpose: str) -> bytes:
        """A key of the plugin's own for some purpose, 32 bytes; another one once the deployment's first key changes."""


class Audit(Protocol):
    """The deployment's audit log, to which rows are only ever added."""

    async def write(
        self,
        action: str,
        *,
        subject: str,
        before: Any = None,
        after: Any = None,
        reason: str = "",
        connection: AsyncConnection | asyncpg.Connection | None = None,
    ) -> None:
        """Note that something was done to `subject`, in `connection`'s transaction; without one, at once.

        `action` is a word or two with dots between, `unmask` or `run.approve`; the plugin's name goes before it.
        `before` and `after`: what was changed, as Structs, attrs values or plain JSON values, in which personal
        fields are masked; never secrets. Who did it, and in which request or run, is noted by itself.
        """


class Context(Protocol):
    """All that a plugin gets of the kernel."""

    name: str
    log: Log
    db: Database
    devices: Devices
    services: Services
    fields: Fields
    queue: Queue
    http: Http
    feed: Feed
    keys: Keys
    audit: Audit
    stopping: asyncio.Event
    """Set when the plugin is to stop: long loops and streams end when they see it."""

    def provide(self, key: type[T], value: T) -> None:
        """Keep what `lifespan` made, to be found by its type while the plugin runs."""

    def get(self, key: type[T]) -> T:
        """What was provided for `key`; the plugin's settings are there from the start."""

    def spawn(self, work: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        """Run something beside the requests: cancelled when the plugin stops; an error in it fails the plugin."""

    def now(self) -> datetime:
        """The wall clock, in UTC."""


@attrs.frozen(kw_only=True)
class Allowance:
    """How much one client may ask, where that is not the kernel's default."""

    rate: float | None = None
    """Requests a second in the long run."""
    burst: int | None = None
    """Requests at once."""
    daily: int | None = None
    """Requests a day of the company."""


@attrs.frozen(kw_only=True)
class Principal:
    """Who asks."""

    kind: str
    """`client` (an API key) or `anyone` (a public route without a key)."""
    id: str
    name: str
    scopes: frozenset[str] = frozenset()
    person: str | None = None
    """The emplid of the colleague whose key it is; None of a system's."""
    fields: frozenset[str] | None = None
    """The personal fields that it may see at most, whatever its scopes allow; None: no such limit."""
    purpose: str = ""
    """Why it reads personal data."""
    allowance: Allowance | None = None
    """Its own limits; None: the kernel's defaults and no quota."""

    def may(self, permission: str) -> bool:
        """Whether this caller holds the permission."""
        return permission in self.scopes


class Call(Protocol):
    """One request as a typed handler sees it."""

    request: web.Request
    ctx: Context
    who: Principal
    headers: MutableMapping[str, str]
    """Headers that the answer shall carry besides the kernel's."""

    def get(self, key: type[T]) -> T:
        """What the plugin provided for `key`."""

    def position(self, query: PageQuery) -> list[Any] | None:
        """Where `query.cursor` says the page before ended; None on the first page.

        Raises a `Refused` where the cursor is damaged, expired, or of another route or other filters.
        """

    def cursor(self, query: PageQuery, position: list[Any] | None) -> str | None:
        """The `next_cursor` of a page that ended at `position` (plain JSON values); None for None."""


class Run(Protocol):
    """One run of a job."""

    id: int
    tick: datetime
    """The moment it was due, UTC."""
    cause: str
    """`schedule`, `catch-up`, `new`, `manual` or `rerun`."""
    requested_by: str | None
    """Who asked for a `manual` run."""

    def progress(self, note: str, *, done: int | None = None, total: int | None = None) -> None:
        """Say how far it is: kept with the run and shown to people. `done` of `total`, in whatever is counted."""
