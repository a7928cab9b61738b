"""A part of the feed as another deployment sends it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from serai.declarations import Event, Topic


class Item(Struct, frozen=True, kw_only=True):
    """One event."""

    topic: str
    seq: int
    key: str
    at: datetime
    data: msgspec.Raw

    def event(self, topics: Mapping[str, Topic[Any]]) -> Event[Any]:
        """The event, its payload read as its topic says."""
        data = bytes(self.data).decode()
        payload = topics[self.topic].decode(None if data == "null" else data)
        return Event(seq=self.seq, topic=self.topic, key=self.key, payload=payload, at=self.at)


class Portion(Struct, frozen=True, kw_only=True):
    """Some events, and where to go on."""

    items: list[Item]
    next_since: str
