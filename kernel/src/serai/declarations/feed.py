"""`Topic`: one sort of thing that happens, `Event`: one thing that did, `Followed`: a step of who follows them."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Generic, TypeVar

import attrs
import msgspec
from msgspec import Struct

P = TypeVar("P", bound=Struct)

_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")


@attrs.frozen(kw_only=True)
class Topic(Generic[P]):
    """A sort of thing that happens.

    Its events outlive versions of the plugin that publishes it: a later one only adds fields, with defaults.
    A plugin that reads another's topic may declare it again with a payload of its own, with the fields that it needs.
    """

    name: str = attrs.field()
    """`isapi.employee`: begins with the name of the plugin that publishes it."""
    payload: type[P] = attrs.field()
    """A Struct that lets unknown keys pass."""
    _decoder: msgspec.json.Decoder[P] = attrs.field(init=False, repr=False, eq=False)

    @_decoder.default
    def _make_decoder(self) -> msgspec.json.Decoder[P]:
        return msgspec.json.Decoder(self.payload)

    @name.validator
    def _check_name(self, _: Any, name: str) -> None:
        if not _NAME.fullmatch(name):
            raise ValueError(f"the topic {name!r} has no name such as 'isapi.employee'")

    @payload.validator
    def _check_payload(self, _: Any, payload: type[P]) -> None:
        if not (isinstance(payload, type) and issubclass(payload, Struct)):
            raise TypeError(f"the payload of the topic {self.name} is not a Struct")
        if payload.__struct_config__.forbid_unknown_fields:
            raise ValueError(f"the payload of the topic {self.name} forbids unknown fields, which later versions add")

    def encode(self, payload: P | None) -> str | None:
        """The payload as JSON; raises `TypeError` where it is not one of this topic's."""
        if payload is None:
            return None
        if not isinstance(payload, self.payload):
            expected = self.payload.__name__
            raise TypeError(f"the topic {self.name} takes {expected}, not {type(payload).__name__}")
        return msgspec.json.encode(payload).decode()

    def decode(self, payload: str | None) -> P | None:
        """The payload of its JSON; raises `msgspec.ValidationError` where it has another shape."""
        return None if payload is None else self._decoder.decode(payload)


@attrs.frozen(kw_only=True)
class Event(Generic[P]):
    """Something that happened."""

    seq: int
    """Its number in the feed: the higher, the later it was committed. Numbers may be left out."""
    topic: str
    key: str
    """What it happened to: an emplid, a department's id ..."""
    payload: P | None
    """None: the thing is gone."""
    at: datetime
    """When it was committed."""


@attrs.frozen(kw_only=True)
class Followed(Generic[P]):
    """One step of following the feed."""

    event: Event[P] | None
    """None: what there is has to be fetched whole, now; it is the first step, or events were missed."""
    since: str
    """Where to go on once this step is dealt with; it may bring some events again, and misses none."""
