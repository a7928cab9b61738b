"""The storage passes scim2-server's own suite for storages, with nobody but what it writes itself."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import asyncpg
import pytest
from scim2_server.testing import AsyncScimStorageContract, BlockingStorage

from serai_isapi.scim.models import provider
from serai_isapi.scim.storage import Storage
from serai_isapi.shapes import Employee

ALL = frozenset(Employee.__struct_fields__)


class OneConnection:
    """A `Database` of one connection."""

    def __init__(self, connection) -> None:
        self.connection = connection

    @asynccontextmanager
    async def raw(self):
        yield self.connection


@pytest.fixture(scope="module")
def database(migrated):
    with asyncio.Runner() as runner:
        connection = runner.run(asyncpg.connect(migrated))
        yield runner, connection
        runner.run(connection.close())


class TestStorage(AsyncScimStorageContract):
    @pytest.fixture
    def provider(self):
        return provider(writes=True)

    @pytest.fixture
    def storage(self, database):
        runner, connection = database
        runner.run(
            connection.execute(
                "delete from isapi.scim_resource; delete from isapi.employee; delete from isapi.department"
            )
        )
        return BlockingStorage(Storage(OneConnection(connection), fields=ALL, private=True, writes=True), runner)
