"""The process's connections: what they refuse, how they come back, what they hear."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import text

from serai.context import Database
from serai.data.connections import Connections
from serai.data.embedded import EmbeddedServer
from serai.data.layout import Layout
from serai.data.postmaster import PidFile
from serai.errors import SeraiError, Unavailable


@asynccontextmanager
async def opened(dsn: str, budget: int = 7) -> AsyncIterator[Connections]:
    connections = Connections(dsn, budget)
    await connections.open()
    try:
        yield connections
    finally:
        await connections.close()


@asynccontextmanager
async def admin(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(dsn)
    try:
        yield connection
    finally:
        await connection.close()


class Heard:
    """Keeps what a callback got, and waits for more."""

    def __init__(self) -> None:
        self.payloads: asyncio.Queue[str | None] = asyncio.Queue()

    def __call__(self, payload: str | None) -> None:
        self.payloads.put_nowait(payload)

    async def next(self) -> str | None:
        async with asyncio.timeout(20):
            return await self.payloads.get()


async def rolled_back(db: Database) -> None:
    with contextlib.suppress(LookupError):
        async with db.begin() as connection:
            await connection.execute(text("insert into t values (2)"))
            raise LookupError


async def test_both_ways_to_the_database(database_url: str) -> None:
    async with opened(database_url) as connections:
        db = connections.database("outage")
        async with db.raw() as raw:
            await raw.execute("create table public.t (n int)")
            assert await raw.fetchval("show timezone") == "UTC"
            assert await raw.fetchval("show application_name") == "serai"
        async with db.begin() as connection:
            await connection.execute(text("insert into t values (1)"))
        await rolled_back(db)
        async with db.connect() as connection:
            await connection.execute(text("insert into t values (3)"))
        async with db.connect() as connection:
            assert (await connection.execute(text("select array_agg(n) from t"))).scalar() == [1]


async def test_no_more_connections_than_the_budget(database_url: str) -> None:
    async with opened(database_url, budget=3) as connections:
        db = connections.database("outage")
        heard = Heard()
        db.listen("changes", heard)
        await heard.next()
        async with db.raw() as raw, db.connect() as connection:
            await connection.execute(text("select 1"))
            count = "select count(*) from pg_stat_activity where datname = current_database()"
            assert await raw.fetchval(count) == 3


def test_a_budget_that_is_too_small_is_refused() -> None:
    with pytest.raises(SeraiError, match="at least 3 connections"):
        Connections("postgresql:///serai", 2)


async def test_pools_outlive_their_connections(database_url: str) -> None:
    async with opened(database_url) as connections, admin(database_url) as other:
        db = connections.database("outage")
        async with db.raw() as raw, db.connect() as connection:
            await connection.execute(text("select 1"))
            pids = [raw.get_server_pid(), (await connection.execute(text("select pg_backend_pid()"))).scalar()]
        await other.fetch("select pg_terminate_backend(pid, 5000) from unnest($1::int[]) pid", pids)
        async with db.raw() as raw, db.connect() as connection:
            assert await raw.fetchval("select 1") == 1
            assert (await connection.execute(text("select 1"))).scalar() == 1


@pytest.mark.parametrize("way", ["raw", "sqlalchemy"])
async def test_a_connection_lost_in_use_is_unavailable(database_url: str, way: str) -> None:
    async with opened(database_url) as connections, admin(database_url) as other:
        db = connections.database("outage")

        async def lose_raw() -> None:
            async with db.raw() as raw:
                await other.fetch("select pg_terminate_backend($1, 5000)", raw.get_server_pid())
                await raw.fetchval("select 1")

        async def lose_sqlalchemy() -> None:
            async with db.begin() as connection:
                pid = (await connection.execute(text("select pg_backend_pid()"))).scalar()
                await other.fetch("select pg_terminate_backend($1, 5000)", pid)
                await connection.execute(text("select 1"))

        with pytest.raises(Unavailable, match="was lost"):
            await {"raw": lose_raw, "sqlalchemy": lose_sqlalchemy}[way]()


async def test_a_connection_that_is_just_being_cut_is_unavailable(database_url: str) -> None:
    """The server's last word has come and the end of the connection has not: asyncpg's words for that moment."""
    async with opened(database_url) as connections:
        with pytest.raises(Unavailable, match="was lost"):
            async with connections.database("outage").raw():
                raise asyncpg.InternalClientError("cannot switch to state 11; another operation (2) is in progress")


async def test_errors_of_the_users_own_stay_what_they_are(database_url: str) -> None:
    async with opened(database_url) as connections:
        db = connections.database("outage")
        with pytest.raises(FileNotFoundError):
            async with db.raw():
                Path("/nowhere/at/all").read_text()
        with pytest.raises(asyncpg.UndefinedTableError):
            async with db.raw() as raw:
                await raw.fetch("select * from nothing")


async def test_what_was_set_for_a_transaction_does_not_leak(database_url: str) -> None:
    async with opened(database_url, budget=3) as connections:
        db = connections.database("outage")
        async with db.raw() as raw, raw.transaction():
            await raw.execute("set local statement_timeout = 0")
        async with db.raw() as raw:
            assert await raw.fetchval("show statement_timeout") == "1min"


async def test_notifications(database_url: str) -> None:
    async with opened(database_url) as connections:
        db = connections.database("outage")
        heard, unheard = Heard(), Heard()
        db.listen("changes", heard)
        connections.database("isapi").listen("changes", unheard)
        assert await heard.next() is None  # it listens now
        assert await unheard.next() is None
        await db.notify("changes", "one")
        assert await heard.next() == "one"
        async with db.begin() as connection:
            await db.notify("changes", "two", connection=connection)
        assert await heard.next() == "two"
        async with db.raw() as raw, raw.transaction():
            await db.notify("changes", "three", connection=raw)
        assert await heard.next() == "three"
        assert unheard.payloads.empty()
        await db.close()
        await db.notify("changes", "four")
        await connections.database("isapi").notify("changes", "end")
        assert await unheard.next() == "end"
        assert heard.payloads.empty()


async def test_a_callback_that_fails_or_waits_disturbs_no_other(database_url: str) -> None:
    async with opened(database_url) as connections:
        db = connections.database("outage")
        forever = asyncio.Event()

        async def slow(payload: str | None) -> None:
            await forever.wait()

        def broken(payload: str | None) -> None:
            raise LookupError(payload)

        heard = Heard()
        for callback in (slow, broken, heard):
            db.listen("changes", callback)
        assert await heard.next() is None
        await db.notify("changes", "one")
        assert await heard.next() == "one"


async def test_the_listener_comes_back_and_says_so(database_url: str) -> None:
    async with opened(database_url) as connections, admin(database_url) as other:
        db = connections.database("outage")
        heard = Heard()
        db.listen("changes", heard)
        assert await heard.next() is None
        await other.fetch(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where application_name = 'serai' and datname = current_database()"
        )
        assert await heard.next() is None
        await db.notify("changes", "after")
        assert await heard.next() == "after"


async def test_away_and_back(state_dir: Path) -> None:
    """PostgreSQL is killed and started again under living pools and a listener."""
    server = EmbeddedServer(state_dir, lambda sentence: None)
    await server.start()
    try:
        async with opened(server.dsn) as connections:
            db = connections.database("outage")
            heard = Heard()
            db.listen("changes", heard)
            assert await heard.next() is None
            async with db.raw() as raw, db.connect() as connection:
                await raw.fetchval("select 1")
                await connection.execute(text("select 1"))
            pid_file = PidFile.read(Layout(state_dir).data)
            assert pid_file is not None
            os.kill(pid_file.pid, signal.SIGINT)
            await server.wait()
            with pytest.raises(Unavailable, match="cannot be reached") as problem:
                async with db.raw():
                    pass
            assert problem.value.headers["Retry-After"] == "5"
            with pytest.raises(Unavailable, match="cannot be reached"):
                async with db.connect():
                    pass
            with pytest.raises(Unavailable, match="cannot be reached"):
                await Connections(server.dsn).open()
            await server.start()
            async with db.raw() as raw, db.connect() as connection:
                assert await raw.fetchval("select 1") == 1
                assert (await connection.execute(text("select 1"))).scalar() == 1
            assert await heard.next() is None
            await db.notify("changes", "after")
            assert await heard.next() == "after"
    finally:
        await server.stop()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("encoding 'UTF8' locale 'C'", "has the locale C, in which pg_trgm finds nothing"),
        ("encoding 'SQL_ASCII' locale 'C'", "has the encoding SQL_ASCII"),
    ],
)
async def test_a_database_in_which_chinese_is_not_found_is_refused(
    postgres_server: str, options: str, sentence: str
) -> None:
    name = "unsuitable"
    async with admin(postgres_server) as server:
        await server.execute(f"create database {name} template template0 {options}")
        try:
            with pytest.raises(SeraiError, match=sentence):
                await Connections(postgres_server.replace("/postgres?", f"/{name}?")).open()
        finally:
            await server.execute(f"drop database {name} with (force)")


async def test_extensions_that_are_missing_are_made(postgres_server: str, database_url: str) -> None:
    name = database_url.rpartition("@/")[2].partition("?")[0]
    async with admin(postgres_server.replace("/postgres?", f"/{name}?")) as superuser:
        await superuser.execute("drop extension pg_trgm")
    async with opened(database_url), admin(database_url) as connection:
        assert await connection.fetchval("select count(*) from pg_extension where extname = 'pg_trgm'") == 1


async def test_processes_that_begin_together_make_the_extensions_once(postgres_server: str, database_url: str) -> None:
    name = database_url.rpartition("@/")[2].partition("?")[0]
    async with admin(postgres_server.replace("/postgres?", f"/{name}?")) as superuser:
        await superuser.execute("drop extension pg_trgm, btree_gist")
    processes = [Connections(database_url, 3) for _ in range(4)]
    try:
        await asyncio.gather(*(connections.open() for connections in processes))
    finally:
        await asyncio.gather(*(connections.close() for connections in processes))


async def test_a_database_that_is_not_there(postgres_server: str) -> None:
    with pytest.raises(SeraiError, match='database "nowhere" does not exist'):
        await Connections(postgres_server.replace("/postgres?", "/nowhere?")).open()
