"""What a receiver gets: the one place where an event is encoded for a client."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from serai.declarations import Event


class Data(Struct, frozen=True, kw_only=True):
    """The event. `payload` is null where the thing is gone; a higher `seq` is later."""

    seq: int
    key: str
    payload: Any


class Message(Struct, frozen=True, kw_only=True):
    """The body of a webhook (Standard Webhooks): `type` is the topic, `timestamp` when it happened."""

    type: str
    timestamp: datetime
    data: Data


def encode(event: Event[Any]) -> bytes:
    """The message of an event, as JSON."""
    data = Data(seq=event.seq, key=event.key, payload=event.payload)
    return msgspec.json.encode(Message(type=event.topic, timestamp=event.at, data=data))


def message_id(webhook_id: str, seq: int) -> str:
    """The same in every attempt and replay, so that receivers can drop what they have."""
    return f"msg_{webhook_id.removeprefix('wh_')}_{seq}"
