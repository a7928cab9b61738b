from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # what runs in processes of its own shares these modules

from plain_database import PlainDatabase


@pytest.fixture
async def kernel_database(database_url: str) -> AsyncIterator[PlainDatabase]:
    """The kernel's database, with the tables of jobs and devices."""
    from serai.work.tables import job, job_run

    database = PlainDatabase(database_url)
    await database.open(job, job_run)
    yield database
    await database.close()


@pytest.fixture
def eventually() -> Callable[[Callable[[], Awaitable[Any]]], Awaitable[Any]]:
    """Ask until the answer is true, and return it; fail after some seconds."""

    async def ask(question: Callable[[], Awaitable[Any]], within: float = 15.0) -> Any:
        deadline = time.monotonic() + within
        while not (answer := await question()):
            assert time.monotonic() < deadline, "it did not come true"
            await asyncio.sleep(0.02)
        return answer

    return ask
