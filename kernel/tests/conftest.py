"""Fixtures that several test files share."""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode leaves the helpers' folder out

from plain_database import PlainDatabase
from small_kernel import identity_database, small_kernel

__all__ = ["eventually", "identity_database", "kernel_database", "small_kernel"]


@pytest.fixture
async def kernel_database(database_url: str) -> AsyncIterator[PlainDatabase]:
    """The kernel's database, with the tables of jobs and devices."""
    from serai.work.tables import job, job_run

    database = PlainDatabase(database_url)
    await database.open(job, job_run)
    yield database
    await database.close()


@pytest.fixture
def eventually() -> Callable[..., Awaitable[Any]]:
    """Ask until the answer is true and return it; fail after some seconds."""

    async def ask(question: Callable[[], Any], within: float = 15.0) -> Any:
        async with asyncio.timeout(within):
            while True:
                answer = question()
                if inspect.isawaitable(answer):
                    answer = await answer
                if answer:
                    return answer
                await asyncio.sleep(0.01)

    return ask
