"""Fixtures that several test files share."""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode leaves the helpers' folder out

from small_kernel import identity_database, small_kernel

__all__ = ["eventually", "identity_database", "small_kernel"]


@pytest.fixture
def eventually() -> Callable[[Callable[[], Any]], Awaitable[Any]]:
    """Ask until the answer is true and return it; fail after some seconds."""

    async def ask(question: Callable[[], Any]) -> Any:
        async with asyncio.timeout(15):
            while True:
                answer = question()
                if inspect.isawaitable(answer):
                    answer = await answer
                if answer:
                    return answer
                await asyncio.sleep(0.01)

    return ask
