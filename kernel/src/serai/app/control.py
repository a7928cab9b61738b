"""What supervisor and worker say to each other: one JSON object a line over a socket pair.

The supervisor's first line is the `Greeting`; after it the worker only watches for the end of the stream, which means
that the supervisor is gone. The worker sends `Message`s.
"""

from __future__ import annotations

from typing import Literal

import msgspec

BACKLOG = 1024
"""Connections that wait on the listening socket until a worker takes them."""


class Greeting(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker must know to start; secrets travel here, never in arguments or the environment."""

    config: str
    """Path of the deployment's file."""
    dsn: str
    keys: list[str]
    """The keyring."""
    demo_key: str | None = None
    """The API key of the demo's own client."""
    suspects: dict[str, int] = {}
    """Plugins during whose start so many workers in a row have died."""
    beside: bool = False
    """Another worker serves: this one waits until its plugins are settled before it accepts connections."""


Event = Literal["alive", "starting", "settled", "progress", "ready"]


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """`alive` every second; `starting` and `settled` around a plugin's start; `progress` for people; `ready` once."""

    event: Event
    text: str = ""
    """The plugin's name, or what to show."""


def encode(message: Greeting | Message) -> bytes:
    """One line."""
    return msgspec.json.encode(message) + b"\n"


decode_greeting = msgspec.json.Decoder(Greeting).decode
decode_message = msgspec.json.Decoder(Message).decode
