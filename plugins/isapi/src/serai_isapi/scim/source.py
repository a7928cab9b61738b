"""What the resources of one type are read from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import asyncpg
from scim2_models import Resource

from serai_isapi.scim.reading import Reading


class Source(Protocol):
    """A relation whose rows are resources of one type."""

    @property
    def kind(self) -> str:
        """The resource type's name."""

    @property
    def relation(self) -> str:
        """What follows FROM, with the alias that the reading's expressions use."""

    @property
    def identifier(self) -> str:
        """The expression of a row's id."""

    @property
    def reading(self) -> Reading:
        """How the rows' attributes are read."""

    async def load(
        self, connection: asyncpg.Connection, ids: Sequence[str], *, members: bool
    ) -> Mapping[str, Resource[Any]]:
        """The resources of those ids that are here, in any order; groups without members where they are not wanted."""
