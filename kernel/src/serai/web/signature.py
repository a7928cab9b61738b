"""What a typed handler takes and gives, read from its signature; every check that can be made before a request."""

from __future__ import annotations

import inspect as python
import re
from functools import reduce
from operator import or_
from types import UnionType
from typing import Any, NoReturn, Union, get_args, get_origin, get_type_hints

import attrs
from aiohttp import web
from msgspec import Struct, inspect

from serai.context import Call
from serai.declarations import Encoded, FeedRoute, Route
from serai.declarations.nodes import bare, within
from serai.errors import PluginError
from serai.identity.marks import cannot_be_left_out, structs_within
from serai.web.parameters import is_list, reader_of

_TEMPLATE = re.compile(r"(/([A-Za-z0-9._~:-]+|\{[a-z][a-z0-9_]*\}))+")
_PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)\}")


class NoQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The query of a route that declares none: no parameter is known."""


@attrs.frozen(kw_only=True)
class Signature:
    """The types of a handler."""

    path: dict[str, Any]
    """The types of its path's parameters, by name."""
    query: type[Struct]
    takes_query: bool
    body: Any
    """A Struct, a list of them, or None where the route takes no body."""
    returns: Any
    """What is encoded (by the handler, where it is annotated `Encoded[...]`), None for an answer without a body, or
    `web.StreamResponse` for one that the handler makes."""

    def status(self, route: Route | FeedRoute) -> int:
        """The status of a successful answer: the declared one, 204 where there is nothing to send."""
        return 204 if self.returns is None and route.status == 200 else route.status


def gives_json(signature: Signature) -> bool:
    """Whether the answer is JSON that the types describe."""
    return signature.returns is not None and signature.returns is not web.StreamResponse


def signature_of(plugin: str, route: Route) -> Signature:
    """The signature of a route's handler; raises `PluginError` naming plugin, handler and parameter."""
    return _Reading(plugin, route).signature()


class _Reading:
    """One handler being read; what it is stays at hand for the messages."""

    def __init__(self, plugin: str, route: Route) -> None:
        self._route = route
        self._handler = route.handler
        name = getattr(route.handler, "__qualname__", repr(route.handler))
        self._where = f"{plugin}: {getattr(route.handler, '__module__', '')}.{name} ({route.method} {route.path})"

    def signature(self) -> Signature:
        self._check_handler()
        hints = self._hints()
        names = _PLACEHOLDER.findall(self._route.path)
        if len(set(names)) < len(names) or not _TEMPLATE.fullmatch(self._route.path):
            self._refuse("has a path that cannot be mounted", "each part is plain, or one {name} of its own")
        self._check_parameters(hints, names)
        body = hints.get("body")
        signature = Signature(
            path=self._path(hints, names),
            query=self._query(hints["query"]) if "query" in hints else NoQuery,
            takes_query="query" in hints,
            body=None if body is None else self._body(body),
            returns=self._returns(hints["return"]),
        )
        if shared := set(_fields(signature.query)) & set(_fields(signature.body)):
            self._refuse(f"has {min(shared)!r} in both `query` and `body`", "one name for one thing")
        return signature

    def _check_handler(self) -> None:
        handler = self._handler
        if not python.iscoroutinefunction(handler) or handler.__qualname__ != handler.__name__:
            self._refuse("is not a module-level `async def`", "move it to the top of its module")
        if not python.getdoc(handler):
            self._refuse("has no docstring", "clients read it as the operation's description")

    def _hints(self) -> dict[str, Any]:
        try:
            hints = get_type_hints(self._handler, include_extras=True)
        except (NameError, TypeError) as error:
            self._refuse(f"has an annotation that cannot be read: {error}", "import its names at run time")
        if "return" not in hints:
            self._refuse("has no return annotation", "a Struct, a list of them, a Page, or None")
        return hints

    def _check_parameters(self, hints: dict[str, Any], names: list[str]) -> None:
        parameters = python.signature(self._handler).parameters
        for name, parameter in parameters.items():
            if parameter.kind not in {parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY}:
                self._refuse(f"has the parameter `{name}` that cannot be passed by name")
            if parameter.default is not parameter.empty:
                self._refuse(f"gives `{name}` a default", "defaults are written on the fields of the query or body")
            if name not in hints:
                self._refuse(f"has the parameter `{name}` without a type")
            if name not in {"call", "query", "body", *names}:
                self._refuse(
                    f"has the parameter `{name}`", "parameters are `call`, `query`, `body` and those of the path"
                )
        for name in names:
            if name not in parameters:
                self._refuse(f"has no parameter `{name}`", f"its path has {{{name}}}")
        if hints.get("call") is not Call:
            self._refuse("does not take `call: Call`")
        if "body" in parameters and self._route.method == "GET":
            self._refuse("takes a `body`, which GET does not have")

    def _path(self, hints: dict[str, Any], names: list[str]) -> dict[str, Any]:
        for name in names:
            node = bare(self._node(name, hints[name]))
            if reader_of(node) is None or is_list(node) or isinstance(node, inspect.UnionType):
                self._refuse(f"has the path parameter `{name}` of a type that a path cannot hold", "str, int, date ...")
        return {name: hints[name] for name in names}

    def _query(self, type_: Any) -> type[Struct]:
        node = self._node("query", type_)
        if not isinstance(node, inspect.StructType):
            self._refuse("has a `query` that is not a Struct")
        self._check_strict("query", node)
        for field in node.fields:
            if reader_of(field.type) is None:
                self._refuse(
                    f"has the query parameter `{field.encode_name}` of a type that a query string cannot hold",
                    "a text, number, bool, date, Literal or Enum, or a list of one of them",
                )
        return node.cls

    def _body(self, type_: Any) -> Any:
        node = self._node("body", type_)
        outer = bare(node)
        item = outer.item_type if isinstance(outer, inspect.ListType) else outer
        if not isinstance(bare(item), inspect.StructType):
            self._refuse("has a `body` that is neither a Struct nor a list of them")
        self._check_strict("body", node)
        return type_

    def _check_strict(self, name: str, root: inspect.Type) -> None:
        """Refuse input types that take more than their schema says."""
        for node in within(root):
            if isinstance(node, inspect.StructType) and not (node.forbid_unknown_fields and _is_frozen(node.cls)):
                self._refuse(
                    f"takes {node.cls.__name__} in `{name}`, which lets unknown keys pass or can be changed",
                    "class X(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True)",
                )
            if isinstance(node, inspect.DateTimeType) and node.tz is not True:
                self._refuse(f"takes a datetime without zone in `{name}`", "Annotated[datetime, Meta(tz=True)]")
            if isinstance(node, inspect.DecimalType):
                self._refuse(f"takes a Decimal in `{name}`, which may be NaN", "Annotated[str, Meta(pattern=...)]")
        self._check_plain(name, root)

    def _check_plain(self, name: str, root: inspect.Type) -> None:
        for node in within(root):
            if isinstance(node, inspect.DataclassType | inspect.TypedDictType | inspect.NamedTupleType):
                self._refuse(f"has {node.cls.__name__} in `{name}`", "shapes on the wire are msgspec Structs")
            if isinstance(node, inspect.CustomType):
                self._refuse(f"has {node.cls.__name__} in `{name}`, which JSON does not have")

    def _returns(self, type_: Any) -> Any:
        if type_ is type(None):
            return None
        if isinstance(type_, type) and issubclass(type_, web.StreamResponse):
            return web.StreamResponse
        type_ = _without_encoded(type_)
        node = self._node("return", type_)
        outer = bare(node)
        if isinstance(outer, inspect.UnionType) and outer.includes_none:
            self._refuse("may return None beside something else", "raise a NotFound instead")
        self._check_plain("return", node)
        for shape in structs_within(type_):
            for name in cannot_be_left_out(shape):
                self._refuse(
                    f"answers with {shape.__name__}.{name}, which is personal and could not be left out",
                    "type it `... | UnsetType`, with the default UNSET",
                )
        return type_

    def _node(self, name: str, type_: Any) -> inspect.Type:
        try:
            return inspect.type_info(type_)
        except (TypeError, NameError, ValueError) as error:
            self._refuse(f"has a type at `{name}` that msgspec cannot read: {error}")

    def _refuse(self, what: str, hint: str = "") -> NoReturn:
        raise PluginError(f"{self._where} {what}", hint=hint)


def _without_encoded(type_: Any) -> Any:
    """What is sent: `T` for `Encoded[T]`, and for `T | Encoded[T]`, whose handler has the bytes only sometimes."""
    members = get_args(type_) if get_origin(type_) in {Union, UnionType} else (type_,)
    return reduce(or_, (get_args(member)[0] if get_origin(member) is Encoded else member for member in members))


def _is_frozen(cls: type[Struct]) -> bool:
    return cls.__struct_config__.frozen


def _fields(type_: Any) -> tuple[str, ...]:
    """The names on the wire of a Struct's fields; none for anything else."""
    if isinstance(type_, type) and issubclass(type_, Struct):
        return type_.__struct_encode_fields__
    return ()
