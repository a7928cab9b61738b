"""The field policy on typed routes: what answers leave out, which parameters a caller may not use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from msgspec import Struct, structs

from serai.context import Call, Redacted
from serai.declarations import Api, FeedRoute, Route
from serai.errors import Forbidden, PluginError
from serai.identity.fields import FieldPolicy
from serai.identity.marks import marks_of, structs_within, wire_name
from serai.web.signature import gives_json, signature_of

T = TypeVar("T")

DENIED = "X-Fields-Denied"
"""Names on the wire of personal fields that were left out of an answer, of somebody in it at the least."""
MASKED = "X-Fields-Masked"
"""Names on the wire of personal fields that are masked in an answer, of somebody in it at the least."""


class FieldNotSeen(Forbidden):
    """A parameter works on a personal field that the caller does not see clear of everybody."""

    slug = "field-not-seen"
    title = "The parameter works on a field that you do not see"


async def redacted(call: Call, value: T) -> Redacted[T]:
    """The answer as the caller may see it; headers name what was left out or masked, beside what the handler named."""
    seen = await call.ctx.fields.of(call.who).show(value)
    _name(call, DENIED, seen.hidden)
    _name(call, MASKED, seen.masked)
    return seen


def refuse_unseen(call: Call, query: Struct) -> None:
    """Raise `FieldNotSeen` where the query uses a parameter on a field that the caller does not see of everybody."""
    shape = type(query)
    defaults = {field.name: field.default for field in structs.fields(shape)}
    marks = marks_of(shape)
    unseen = marks.personal.keys() - call.ctx.fields.of(call.who).everybody(shape).clear
    for own in shape.__struct_fields__:
        if own in unseen and getattr(query, own) != defaults[own]:
            parameter, field = wire_name(shape, own), marks.personal[own]
            raise FieldNotSeen(
                f"The parameter {parameter} works on {field}, which {call.who.name} does not see of everybody",
                hint="leave the parameter out, or ask an operator",
                members={"parameter": parameter, "field": field},
            )


def check_fields(plugin: str, apis: Iterable[Api], policy: FieldPolicy) -> None:
    """Raise `PluginError` where a route's type names a personal field that nobody declares."""
    for route, shape in _shapes(plugin, apis):
        for own, name in marks_of(shape).personal.items():
            try:
                policy.field(name)
            except PluginError as undeclared:
                where = f"{plugin}: {shape.__name__}.{own} ({route.method} {route.path}) is marked as personal"
                raise PluginError(f"{where}, but {undeclared.sentence}", hint=undeclared.hint) from None


def tell_audiences(schema: dict[str, Any], shape: type[Struct], policy: FieldPolicy) -> None:
    """Say in the JSON Schema of a Struct who sees its personal fields."""
    for own, name in marks_of(shape).personal.items():
        field = policy.field(name)
        parts = [f"clear for {', '.join(field.clear)}"] if field.clear else []
        parts += [f"masked for {', '.join(field.masked)}"] if field.masked else []
        told = f"Personal ({field.title}): {'; '.join(parts) or 'for nobody'}; otherwise left out."
        described = schema["properties"][wire_name(shape, own)]
        described["description"] = f"{described['description']}. {told}" if "description" in described else told


def _shapes(plugin: str, apis: Iterable[Api]) -> Iterator[tuple[Route | FeedRoute, type[Struct]]]:
    """The Structs of queries and answers, each with its route."""
    for api in apis:
        for route in api.routes:
            signature = signature_of(plugin, route)
            yield route, signature.query
            for shape in structs_within(signature.returns) if gives_json(signature) else ():
                yield route, shape
        for feed in api.feeds:
            for topic in feed.topics:
                for shape in structs_within(topic.payload):
                    yield feed, shape


def _name(call: Call, header: str, names: frozenset[str]) -> None:
    if names:
        said = {name.strip() for name in call.headers.get(header, "").split(",")} - {""}
        call.headers[header] = ", ".join(sorted(said | names))
