"""The specimen in a real PostgreSQL, in the tables and views that the driver ships."""

import asyncio
import re
import uuid
from datetime import datetime
from importlib.resources import files
from typing import NamedTuple

import asyncpg
import pytest

from serai import Secret
from serai_ehr.conformance import make_specimen
from serai_ehr.demo.clock import ZONE
from serai_ehr.views import ACCOUNT, CONTACT, DEPT, DEPT_TREE, JOB, JOBCODE, LOCATION, NAME, NID, PERSON, RELATION
from serai_ehr_postgres.driver import PostgresSettings, connect

SCHEMA = "hr"
SAME_COLUMNS = {
    NAME: "ps_names",
    NID: "ps_pers_nid",
    JOB: "ps_job",
    DEPT: "ps_dept_tbl",
    DEPT_TREE: "pstreenode",
    JOBCODE: "ps_jobcode_tbl",
    LOCATION: "ps_location_tbl",
    ACCOUNT: "is_account",
    RELATION: "is_relation",
}


def stored(row):
    """The row as PeopleSoft keeps it: times without a zone, the company's."""
    return tuple(value.astimezone(ZONE).replace(tzinfo=None) if isinstance(value, datetime) else value for value in row)


async def load(connection, specimen):
    """Fill the shipped tables, so that the shipped views show the specimen."""
    await connection.execute(f"create schema {SCHEMA}")
    await connection.execute(f"set search_path to {SCHEMA}")
    await connection.execute((files("serai_ehr_postgres") / "sql" / "views.sql").read_text())

    async def copy(table, columns, rows):
        await connection.copy_records_to_table(
            table, schema_name=SCHEMA, columns=columns, records=[stored(row) for row in rows]
        )

    for view, table in SAME_COLUMNS.items():
        await copy(table, [name.lower() for name in view.column_names], specimen[view])
    await copy(
        "ps_person", ["emplid", "birthdate", "last_child_upddtm"], [(r[0], r[1], r[4]) for r in specimen[PERSON]]
    )
    await copy(
        "ps_pers_data_effdt",
        ["emplid", "effdt", "sex", "highest_educ_lvl"],
        [(r[0], r[1], r[2], r[3]) for r in specimen[PERSON]],
    )
    phones = [(r[0], r[2], r[3], r[4], r[5], r[6], r[7]) for r in specimen[CONTACT] if r[1] == "PHONE"]
    mails = [(r[0], r[2], r[4], r[6], r[7]) for r in specimen[CONTACT] if r[1] == "EMAIL"]
    phone_columns = ["emplid", "phone_type", "country_code", "phone", "extension", "pref_phone_flag", "lastupddttm"]
    mail_columns = ["emplid", "e_addr_type", "email_addr", "pref_email_flag", "lastupddttm"]
    await copy("ps_personal_phone", phone_columns, phones)
    await copy("ps_email_addresses", mail_columns, mails)


class Recorder:
    """A log and a link in one."""

    def __init__(self, name="ehr"):
        self.name = name
        self.log = self
        self.reasons = []

    def lost(self, reason):
        self.reasons.append(reason)


class Hr(NamedTuple):
    """The HR side's own access to its database."""

    dsn: str
    connection: asyncpg.Connection

    async def drop(self, view):
        await self.connection.execute(f"drop view {SCHEMA}.{view.name}")

    async def rename_column(self, view, column, name):
        await self.connection.execute(f"alter view {SCHEMA}.{view.name} rename column {column} to {name}")

    async def drop_column(self, view, column):
        await self._remake(view, {name: name for name in view.column_names if name != column})

    async def retype_column(self, view, column):
        type_ = {each.name: each.type for each in view.columns}[column]
        cast = "::text" if type_ != "text" else "::int"
        await self._remake(view, {name: name + cast * (name == column) for name in view.column_names})

    async def _remake(self, view, columns):
        await self.connection.execute(f"alter view {SCHEMA}.{view.name} rename to whole")
        chosen = ", ".join(f"{expression} as {name}" for name, expression in columns.items())
        await self.connection.execute(f"create view {SCHEMA}.{view.name} as select {chosen} from {SCHEMA}.whole")


@pytest.fixture(scope="session")
def specimen():
    return make_specimen()


@pytest.fixture(scope="session")
def loaded(postgres_server):
    """The name of a database with the specimen, to be copied: ten times faster than to load it anew."""

    async def make():
        server = await asyncpg.connect(postgres_server)
        try:
            await server.execute("create database loaded")
        finally:
            await server.close()
        connection = await asyncpg.connect(postgres_server.replace("/postgres?", "/loaded?"))
        try:
            await load(connection, make_specimen())
        finally:
            await connection.close()

    asyncio.run(make())
    return "loaded"


@pytest.fixture
async def hr(postgres_server, loaded):
    server = await asyncpg.connect(postgres_server)
    name = f"hr{uuid.uuid4().hex[:12]}"
    await server.execute(f"create database {name} template {loaded}")
    dsn = postgres_server.replace("/postgres?", f"/{name}?")
    connection = await asyncpg.connect(dsn)
    try:
        yield Hr(dsn, connection)
    finally:
        await connection.close()
        await server.execute(f"drop database {name} with (force)")
        await server.close()


@pytest.fixture
def link():
    return Recorder()


@pytest.fixture
def settings(hr):
    return PostgresSettings(dsn=Secret(hr.dsn), schema=SCHEMA)


@pytest.fixture
async def source(settings, link):
    async with connect(settings, link) as connected:
        yield connected


@pytest.fixture
def owner(hr):
    return hr


@pytest.fixture
def change(hr):
    async def change_people():
        await hr.connection.execute(
            f"""update {SCHEMA}.ps_person set birthdate = birthdate + 1;
            delete from {SCHEMA}.is_account where emplid like '%7'"""
        )

    return change_people


@pytest.fixture
async def role(postgres_server, hr):
    """`role(name)`: a login of the HR database's server that owns nothing; its DSN."""
    server = await asyncpg.connect(postgres_server)
    made = []

    async def make(name):
        await server.execute(f"create role {name} login password 'wicket'")
        made.append(name)
        return re.sub(r"//[^@]+@", f"//{name}:wicket@", hr.dsn)

    make.server = server
    yield make
    for name in made:
        await hr.connection.execute(f"revoke all on schema {SCHEMA} from {name}")
        await hr.connection.execute(f"revoke all on all tables in schema {SCHEMA} from {name}")
        await server.execute(f"drop role {name}")
    await server.close()
