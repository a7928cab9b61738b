"""A small company as a source of kind `ehr`, and just enough of a kernel for isapi to run on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import logging
import runpy
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import asyncpg
import attrs
import msgspec
import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

import serai_isapi
from serai import DeviceDown, PageQuery, Principal, Problem, RawAnswer, RawRequest, Relations
from serai.data.connections import Connections
from serai.data.migrations import KERNEL_LOCATION, Migrations
from serai.hosting.services import GuestServices, ServiceHouse
from serai.identity.audit import AuditLog
from serai.identity.fields import FieldPolicy
from serai.identity.keyring import Keyring
from serai.work.feed import Feed
from serai_ehr import VIEWS, Changed, View, ViewFault
from serai_isapi import identity_shapes, tables
from serai_isapi.departments import Departments
from serai_isapi.directory import Directory, Filter
from serai_isapi.fields import PERSONAL, Shown
from serai_isapi.hidden import HiddenPeople
from serai_isapi.identities import Identities
from serai_isapi.journal import Journal
from serai_isapi.people import People
from serai_isapi.plugin import plugin_info
from serai_isapi.quarantine import Quarantine
from serai_isapi.scim import door
from serai_isapi.sealing import SEALED
from serai_isapi.settings import Settings
from serai_isapi.shapes import Employee
from serai_isapi.snapshot import Snapshots
from serai_isapi.state import DataState
from serai_isapi.sync import synchronise
from serai_isapi.unmasking import Unmasking

NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
"""Noon in Shanghai."""

EVERYTHING = Shown(Employee.__struct_fields__)


class Company:
    """Rows by view; also the `Source` and the `Reading` that give them."""

    def __init__(self) -> None:
        self.rows: dict[str, list[dict[str, Any]]] = {view.name: [] for view in VIEWS}
        self.clock = NOON
        self.down = False
        self.faults: list[ViewFault] = []

    def add(self, view: str, **values: Any) -> dict[str, Any]:
        """Add a row to `V_IS_{view}`; columns that are not given are as PeopleSoft leaves them."""
        columns = {column.name.lower(): column for column in self._view(view).columns}
        assert values.keys() <= columns.keys(), values.keys() - columns.keys()
        empty = {name: " " if column.type == "text" else None for name, column in columns.items()}
        row = {**empty, **values}
        self.rows[f"V_IS_{view}"].append(row)
        return row

    def of(self, view: str, **values: Any) -> list[dict[str, Any]]:
        """The rows of `V_IS_{view}` with these values."""
        return [row for row in self.rows[f"V_IS_{view}"] if all(row[name] == value for name, value in values.items())]

    def remove(self, view: str, **values: Any) -> None:
        gone = self.of(view, **values)
        self.rows[f"V_IS_{view}"] = [row for row in self.rows[f"V_IS_{view}"] if row not in gone]

    def department(self, deptid: str, name: str, parent: str = " ", *, leader: str = "", hrbp: str = "") -> None:
        self.add("DEPT", setid="CN", deptid=deptid, effdt=date(1990, 1, 1), eff_status="A", descr=name)
        self.add(
            "DEPT_TREE", setid="CN", tree_name="DEPT_SECURITY", effdt=date(1990, 1, 1), tree_node=deptid,
            parent_node_name=parent, tree_node_num=len(self.rows["V_IS_DEPT_TREE"]), tree_node_num_end=999,
        )  # fmt: skip
        for relation, emplid in (("LEADER", leader), ("HRBP", hrbp)):
            if emplid:
                self.add("RELATION", scope="D", scope_id=deptid, relation=relation, emplid=emplid, sort_order=1)

    def person(self, emplid: str, name: str, deptid: str = "D1", *, rtx_id: str = "", **job: Any) -> dict[str, Any]:
        """A person with a name, and a job since 2020; the job's row."""
        self.add("PERSON", emplid=emplid, sex="U", birthdate=date(1990, 1, 1))
        self.add("NAME", emplid=emplid, name_type="PRI", effdt=date(1990, 1, 1), name="Zz,Zz", name_ac=name)
        if rtx_id:
            self.add("ACCOUNT", emplid=emplid, rtx_id=rtx_id, ad_account=rtx_id)
            mail = f"{rtx_id}@corp.example"
            self.add("CONTACT", emplid=emplid, contact_kind="EMAIL", contact_type="BUSN", contact_value=mail)
        return self.job(emplid, deptid=deptid, **job)

    def job(self, emplid: str, effdt: date = date(2020, 1, 1), **values: Any) -> dict[str, Any]:
        defaults: dict[str, Any] = {
            "empl_rcd": 0, "effseq": 0, "per_org": "EMP", "hr_status": "A", "empl_status": "A", "job_indicator": "P",
            "setid_dept": "CN", "deptid": "D1", "setid_jobcode": "CN", "jobcode": "ENG", "setid_location": "CN",
            "location": "BJ", "company": "C01", "hire_dt": date(2020, 1, 1),
        }  # fmt: skip
        return self.add("JOB", emplid=emplid, effdt=effdt, **{**defaults, **values})

    async def check(self) -> list[ViewFault]:
        return self.faults

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Company]:
        if self.down:
            raise DeviceDown("device ehr is not ready: connection refused")
        yield self

    async def batches(
        self, view: View, *, size: int = 1000, changed: Changed | None = None
    ) -> AsyncIterator[list[tuple[Any, ...]]]:
        rows = [tuple(row[name.lower()] for name in view.column_names) for row in self.rows[view.name]]
        rows = [row for row in rows if changed is None or changed.holds(view, row)]
        for start in range(0, len(rows), size):
            yield rows[start : start + size]

    @staticmethod
    def _view(name: str) -> View:
        return next(view for view in VIEWS if view.name == f"V_IS_{name}")


class PlainDatabase:
    """`Database` over one asyncpg pool."""

    schema = "isapi"

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool
        self.callbacks: list[tuple[str, Callable[[str | None], Awaitable[None]]]] = []
        self.hearing: list[asyncio.Future[None]] = []
        self.heard = asyncio.Event()

    def raw(self) -> Any:
        return self.pool.acquire()

    def listen(self, channel: str, callback: Callable[[str | None], Awaitable[None]]) -> None:
        self.callbacks.append((f"isapi.{channel}", callback))

    async def notify(self, channel: str, payload: str = "", *, connection: Any = None) -> None:
        await connection.execute("select pg_notify($1, $2)", f"isapi.{channel}", payload)

    def hear(self, _connection: Any, _pid: int, channel: str, payload: str) -> None:
        """A notification came: the listener of asyncpg."""
        for listened, callback in self.callbacks:
            if listened == channel:
                self.hearing.append(hearing := asyncio.ensure_future(callback(payload)))
                hearing.add_done_callback(lambda _: self.heard.set())


@attrs.define
class Devices:
    source: Company

    def get(self, protocol: type, name: str) -> Company:
        assert name == "ehr"
        assert isinstance(self.source, protocol)
        return self.source

    def state(self, name: str) -> None:
        assert name == "ehr"

    async def wait_for(self, protocol: type, name: str, *, timeout: float) -> Company:
        return self.get(protocol, name)


class Log:
    def __init__(self) -> None:
        self.log = logging.getLogger("isapi")

    def __getattr__(self, level: str) -> Callable[..., None]:
        return lambda event, **values: getattr(self.log, level)("%s %s", event, values)


KEYRING = Keyring([b"k" * 32])
COLUMNS = [sealed.column for sealed in SEALED]


class PlainCall:
    """A `Call` whose cursors are not signed."""

    def __init__(self, house: House, who: Principal) -> None:
        self.ctx = house
        self.who = who
        self.headers: dict[str, str] = {}

    def get(self, key: type) -> Any:
        return self.ctx.get(key)

    def position(self, query: PageQuery) -> Any:
        return msgspec.json.decode(query.cursor) if query.cursor else None

    def cursor(self, query: PageQuery, position: Any) -> str | None:
        return msgspec.json.encode(position).decode() if position else None


class House:
    """A `Context`, and what tests do with it."""

    name = "isapi"

    def __init__(self, db: PlainDatabase, company: Company) -> None:
        self.db = db
        self.company = company
        self.devices = Devices(company)
        self.feed = Feed(db)
        self.keys = KEYRING.of("isapi", COLUMNS)
        self.audit = AuditLog(db, "isapi")
        self.log = Log()
        self.present = NOON
        self.snapshots = Snapshots(db, self.feed, self.log)
        directory = Directory(db)
        self.spawned: list[asyncio.Task[None]] = []
        offered = ServiceHouse()
        self.services = GuestServices("isapi", plugin_info().services, offered)
        self.fields = FieldPolicy(relations=lambda: offered.find(Relations))
        self.fields.declare([*PERSONAL, *identity_shapes.PERSONAL])
        self.provided: dict[type, Any] = {
            DataState: DataState(db),
            Directory: directory,
            People: People(directory, self.snapshots),
            Departments: Departments(db),
            Journal: Journal(db, self.audit),
            Quarantine: Quarantine(db, self.audit),
            HiddenPeople: HiddenPeople(db, self.audit),
            Identities: Identities(db, self.keys),
            Unmasking: Unmasking(self),
        }
        self.configure()

    def configure(self, **settings: Any) -> None:
        """By default no guard trips: a company of five is easily shrunken."""
        open_ = {"hold_below_percent": 0.0, "hold_quarantined_percent": 100.0}
        self.provided[Settings] = Settings(source="ehr", **{**open_, **settings})

    def now(self) -> datetime:
        return self.present

    def provide(self, key: type, value: Any) -> None:
        self.provided[key] = value

    def get(self, key: type) -> Any:
        return self.provided[key]

    def spawn(self, work: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        self.spawned.append(task := asyncio.create_task(work, name=name))
        return task

    def call(self, *scopes: str, person: str | None = None) -> PlainCall:
        """A `Call` of a system with these permissions beside `isapi:read`, or of the colleague `person`."""
        held = frozenset({"isapi:read", *scopes})
        return PlainCall(self, Principal(kind="client", id="c", name="tests", scopes=held, person=person))

    async def sync(self, *, full: bool = True) -> dict[str, Any]:
        """Synchronise; the run's row."""
        try:
            await synchronise(self, lambda note, **_: None, full=full)
        finally:
            await self.get(DataState).refresh()
            await self.snapshots.refresh()
        return await self.last_run()

    async def last_run(self) -> dict[str, Any]:
        return dict(await self.row("select * from isapi.sync_run order by id desc limit 1"))

    async def row(self, query: str, *values: Any) -> asyncpg.Record | None:
        async with self.db.raw() as connection:
            return await connection.fetchrow(query, *values)

    async def rows(self, query: str, *values: Any) -> list[asyncpg.Record]:
        async with self.db.raw() as connection:
            return await connection.fetch(query, *values)

    async def employee(self, emplid: str, as_of: date | None = None) -> Employee:
        edition = self.get(DataState).edition(as_of, self.now())
        return await self.get(Directory).one(emplid, shown=EVERYTHING, edition=edition)

    async def search(
        self, *, limit: int = 50, after: str | None = None, as_of: date | None = None, **wanted: Any
    ) -> list[str]:
        """The emplids of the employees found."""
        edition = self.get(DataState).edition(as_of, self.now())
        found = await self.get(Directory).search(
            Filter(**wanted), shown=EVERYTHING, edition=edition, limit=limit, after=after
        )
        return [person.emplid for person in found]

    async def rules(self) -> list[tuple[str, str]]:
        """(view, rule) of the rows that the last run quarantined."""
        last = await self.last_run()
        rows = await self.rows(
            "select view, rule from isapi.quarantine_sighting s join isapi.quarantine q on q.id = s.quarantine_id,"
            " generate_series(1, q.rows) where s.run_id = $1 order by q.id",
            last["id"],
        )
        return [(row["view"], row["rule"]) for row in rows]


@pytest.fixture
def company() -> Company:
    """Three departments in a line, D1 > D2 > D3, with four people in them."""
    company = Company()
    company.department("D1", "集团", leader="0001", hrbp="0002")
    company.department("D2", "技术部", "D1", leader="0002")
    company.department("D3", "平台组", "D2")
    company.add("JOBCODE", setid="CN", jobcode="ENG", effdt=date(1900, 1, 1), eff_status="A", descr="工程师")
    company.add("LOCATION", setid="CN", location="BJ", effdt=date(1900, 1, 1), eff_status="A", descr="北京")
    company.person("0001", "张伟国", "D1", rtx_id="weiguozhang")
    company.person("0002", "曾丽", "D2", rtx_id="lizeng")
    company.person("0003", "王芳", "D3", rtx_id="fangwang")
    company.person("0004", "欧阳修", "D3", rtx_id="xiuouyang", supervisor_id="0003")
    return company


def migrate(connection: Connection) -> None:
    """Run the plugin's revisions, each in its turn, as the kernel will."""
    connection.execute(text("create schema isapi"))
    folder = Path(serai_isapi.__file__).parent / "migrations"
    with Operations.context(MigrationContext.configure(connection)):
        for script in sorted(folder.glob("[0-9]*.py")):
            runpy.run_path(str(script))["upgrade"]()


@pytest.fixture(scope="session")
def migrated(postgres_server: str) -> str:
    """The DSN of a database with the plugin's tables, for the whole test run."""

    async def make() -> str:
        connection = await asyncpg.connect(postgres_server)
        await connection.execute("create database isapi_tests")
        await connection.close()
        dsn = postgres_server.replace("/postgres?", "/isapi_tests?")
        engine = create_async_engine(dsn.replace("postgresql://", "postgresql+asyncpg://"))
        async with engine.begin() as connection:
            await connection.execute(text("create extension pg_trgm"))
            await connection.run_sync(migrate)
        await engine.dispose()
        connections = Connections(dsn, 3)
        await connections.open()
        await Migrations(connections).upgrade("serai", KERNEL_LOCATION)
        await connections.close()
        return dsn

    return asyncio.run(make())


@pytest.fixture
async def house(migrated: str, company: Company) -> AsyncIterator[House]:
    """isapi over the company, with empty tables."""
    pool = await asyncpg.create_pool(migrated, min_size=1, max_size=6)
    db = PlainDatabase(pool)
    names = ", ".join(table.fullname for table in tables.metadata.sorted_tables)
    await pool.execute(f"truncate {names}, serai.feed, serai.feed_pending restart identity")
    listener = await asyncpg.connect(migrated)
    await listener.add_listener("isapi.synced", db.hear)
    try:
        yield House(db, company)
    finally:
        await listener.close()
        await asyncio.gather(*db.hearing)
        await pool.close()


class ScimClient:
    """Asks isapi in SCIM, as a caller with these scopes."""

    ROOT = "https://serai.example/isapi/scim/v2"

    def __init__(self, house: House, *scopes: str) -> None:
        self.house = house
        self.scopes = scopes

    async def send(
        self, method: str, path: str, body: Any = None, *, query: str = "", headers: dict[str, str] | None = None
    ) -> SimpleNamespace:
        """The answer: `status`, `headers`, and `json`, None where there is no body. `body` is JSON, or bytes."""
        call = self.house.call(*self.scopes)
        raw = body if isinstance(body, bytes) else b"" if body is None else msgspec.json.encode(body)
        request = RawRequest(method=method, root=self.ROOT, path=path, query=query, headers=headers or {}, body=raw)
        try:
            answer: RawAnswer = await door.serve(call, request)
        except Problem as problem:
            answer = door.refuse(problem)
        headers = {**call.headers, **answer.headers}
        found = msgspec.json.decode(answer.body) if answer.body else None
        return SimpleNamespace(status=answer.status, headers=headers, json=found, body=answer.body)

    async def get(self, path: str, **parameters: Any) -> Any:
        """What a successful read answers."""
        answer = await self.send("GET", path, query=urlencode(parameters))
        assert answer.status == 200, answer.json
        return answer.json


@pytest.fixture
def scim(house: House) -> Callable[..., ScimClient]:
    """Make a SCIM client with these scopes; `writes=True` for a deployment that takes people and groups from it."""

    def make(*scopes: str, writes: bool = False) -> ScimClient:
        house.configure(scim_writes=writes)
        house.provide(door.Scim, door.Scim(house.db, writes=writes))
        return ScimClient(house, *scopes)

    return make
