"""Every route of every installed plugin, asked by every kind of caller: no personal field reaches who may not see it.

The handlers are replaced by ones that answer with recognisable values in every field; everything after them, up to the
bytes on the wire, is the kernel's own.
"""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, date, datetime
from typing import Any, get_origin

import attrs
import msgspec
import pytest
from aiohttp import web
from msgspec import Struct, inspect

from serai.context import Principal
from serai.declarations import Api, FeedRoute, Route
from serai.declarations.nodes import bare
from serai.hosting.declared import Declared, declare_plugin
from serai.hosting.entry_points import PLUGINS, Import, installed
from serai.identity.fields import RELATIONS, FieldPolicy
from serai.identity.marks import marks_of, structs_within
from serai.web.cursors import Cursors
from serai.web.fields import check_fields
from serai.web.keys import CONTEXT, CURSORS, PRINCIPAL
from serai.web.signature import gives_json, signature_of
from serai.web.typed import routes_of

VIEWER, SUBJECT = "00000001", "00000002"

PERSONAL_LOOKING = re.compile(
    r"phone|mobile|mail|national_id|id_no|id_number|birth|born|address|bank|account|salary|wage|grade|marital|sex|gender"
    r"|hire|termination|passport|religion|health"
)
NOT_PERSONAL = {
    "Employee.mail": "the mail address at work: one reaches a colleague by it",
    "Employee.work_phone": "the phone on the desk, for the same reason",
    "Employee.ad_account": "names somebody on every screen of the company",
}
"""Fields that look personal but belong to the directory, which everybody in the company sees; and why."""
RAW = {
    "isapi * /scim/v2": "it reads the fields that the caller sees clear of everybody; plugins/isapi/tests/test_scim.py",
}
"""Raw routes (`web.RouteTableDef`), mounts, and handlers that make their own answers, by `PLUGIN METHOD /path`: why
they send nothing personal to who may not see it."""


async def _declared() -> list[Declared]:
    plugins = installed(PLUGINS)
    return [declare_plugin(what, await Import(what).result(30)) for what in plugins.values()]


DECLARED = {declared.name: declared for declared in asyncio.run(_declared())}
ROUTES = [
    pytest.param(declared.name, route, id=f"{declared.name} {route.method} {route.path}")
    for declared in DECLARED.values()
    for api in declared.apis
    for route in api.routes
]

FEEDS = [
    pytest.param(declared.name, feed, id=f"{declared.name} feed {feed.path}")
    for declared in DECLARED.values()
    for api in declared.apis
    for feed in api.feeds
]


class Everything:
    """`Relations` where the viewer is to everybody what the test says."""

    def __init__(self) -> None:
        self.relations: frozenset[str] = frozenset()

    async def of(self, viewer, subjects):
        return {subject: self.relations - {"anyone"} for subject in subjects}


RELATED = Everything()


@pytest.fixture(scope="module")
def policy() -> FieldPolicy:
    policy = FieldPolicy(relations=lambda: RELATED)
    for declared in DECLARED.values():
        policy.declare(declared.info.personal)
    return policy


def callers() -> list[tuple[Principal, frozenset[str]]]:
    """Systems without and with each permission, colleagues of each relation; with the audiences that each one is."""
    permissions = sorted(name for declared in DECLARED.values() for name in declared.info.permissions)
    system = Principal(kind="client", id="c", name="walker")
    found = [(system, frozenset())]
    found += [(attrs.evolve(system, scopes=frozenset({name})), frozenset({name})) for name in permissions]
    colleague = attrs.evolve(system, person=VIEWER)
    return found + [(colleague, frozenset({"anyone", relation})) for relation in sorted(RELATIONS)]


class Made:
    """Values of a type; personal texts and dates are such that each can be recognised in the answer."""

    def __init__(self) -> None:
        self.personal: dict[str, set[str]] = {}
        """What must be recognised, by the name of the field's declaration."""
        self._count = 0

    def of(self, node: inspect.Type, *, personal: str | None = None, subject: str | None = None) -> Any:
        node = bare(node)
        if subject is not None:
            return subject
        if isinstance(node, inspect.UnionType):
            arms = [arm for arm in node.types if not isinstance(arm, inspect.NoneType)]
            return self.of(arms[0], personal=personal)
        if isinstance(node, inspect.StructType):
            return self.struct(node)
        if isinstance(node, inspect.ListType | inspect.VarTupleType | inspect.SetType | inspect.FrozenSetType):
            return [self.of(node.item_type, personal=personal)]
        if isinstance(node, inspect.DictType):
            return {"key": self.of(node.value_type, personal=personal)}
        return self._leaf(node, personal)

    def struct(self, node: inspect.StructType, *, subject: str = SUBJECT) -> Any:
        cls = get_origin(node.cls) or node.cls
        marks = marks_of(cls)
        values = {}
        for field in node.fields:
            if _is_recursive(field.type, node):
                values[field.name] = []
            else:
                values[field.name] = self.of(
                    field.type,
                    personal=marks.personal.get(field.name),
                    subject=subject if field.name == marks.subject else None,
                )
        return cls(**values)

    def _leaf(self, node: inspect.Type, personal: str | None) -> Any:
        self._count += 1
        match node:
            case inspect.StrType():
                value: Any = f"1380000{self._count:04}" if personal else "x"
            case inspect.DateType():
                value = date(1900 + self._count, 1, 1)
            case inspect.DateTimeType():
                value = datetime(1900 + self._count, 1, 1, tzinfo=UTC)
            case inspect.IntType():
                value = 770000 + self._count
            case inspect.FloatType():
                value = 770000.5 + self._count
            case inspect.LiteralType(values=values):
                value = values[-1 if personal else 0]
            case inspect.BoolType():
                value = True
            case _:
                pytest.fail(f"the walk has no value for {node}")
        if personal:
            self.personal.setdefault(personal, set()).add(msgspec.json.encode(value).decode().strip('"'))
        return value


def _is_recursive(node: inspect.Type, within: inspect.StructType) -> bool:
    item = bare(getattr(bare(node), "item_type", node))
    return isinstance(item, inspect.StructType) and item.cls is within.cls


def input_of(type_: Any) -> Any:
    """Plain values that a request may carry for a type: what its schema's own examples or bounds allow."""
    return _plain(inspect.type_info(type_))


def _plain(node: inspect.Type) -> Any:
    node = bare(node)
    match node:
        case inspect.StructType(fields=fields):
            return {field.encode_name: _plain(field.type) for field in fields if field.required}
        case inspect.ListType(item_type=item):
            return [_plain(item)]
        case inspect.StrType(min_length=least):
            return "x" * (least or 1)
        case inspect.IntType():
            return 1
        case inspect.LiteralType(values=values):
            return values[0]
    pytest.fail(f"the walk has no input for {node}")


async def answers(aiohttp_client, plugin: str, route: Route, policy: FieldPolicy, value: Any):
    """A function from a caller to the status and the text of the route's answer, which is `value`."""
    asking: list[Principal] = []
    signature = signature_of(plugin, route)

    async def answer_with_value(**_arguments):
        return value

    api = Api()
    api.routes.append(route)
    bound = routes_of(plugin, api)[-1]
    bound.handler.__self__._handler = answer_with_value  # the one part that is not the kernel's

    @web.middleware
    async def duties(request, handler):
        request[PRINCIPAL] = asking[-1]
        return await handler(request)

    class Context:
        name = plugin
        fields = policy

    app = web.Application(middlewares=[duties])
    app[CONTEXT], app[CURSORS] = Context(), Cursors([b"k" * 32])
    app.router.add_route(bound.method, bound.path, bound.handler)
    client = await aiohttp_client(app)
    path = re.sub(r"\{[^}]*\}", "x", bound.path)
    body = {} if signature.body is None else {"json": input_of(signature.body)}
    query = input_of(signature.query)

    async def ask(who: Principal) -> tuple[int, str, Any]:
        asking.append(who)
        response = await client.request(route.method, path, params=query, **body)
        return response.status, await response.text(), response.headers

    return ask


@pytest.mark.parametrize(("plugin", "route"), ROUTES)
async def test_no_caller_gets_a_field_that_is_not_meant_for_them(aiohttp_client, policy, plugin, route):
    signature = signature_of(plugin, route)
    if not gives_json(signature):
        return
    made = Made()
    value = made.of(inspect.type_info(signature.returns))
    ask = await answers(aiohttp_client, plugin, route, policy, value)
    fields = {field.name: field for declared in DECLARED.values() for field in declared.info.personal}
    for who, audiences in callers() if made.personal else callers()[:1]:
        RELATED.relations = audiences
        status, text, headers = await ask(who if "self" not in audiences else attrs.evolve(who, person=SUBJECT))
        assert status == route.status, text
        for name, values in made.personal.items():
            is_clear = bool(audiences & set(fields[name].clear))
            for one in values:
                assert (f'"{one}"' in text) is is_clear, f"{name} for {sorted(audiences) or 'nobody'}: {text}"
        seen = [audiences & {*fields[name].clear, *fields[name].masked} for name in made.personal]
        assert ("X-Fields-Denied" in headers) is not all(seen)


@pytest.mark.parametrize("plugin", DECLARED)
def test_every_personal_field_is_declared(policy, plugin):
    check_fields(plugin, DECLARED[plugin].apis, policy)


@pytest.mark.parametrize(("plugin", "route"), [*ROUTES, *FEEDS])
def test_what_looks_personal_is_marked_or_explained(plugin, route):
    for shape in _shapes(route):
        unmarked = set(shape.__struct_fields__) - marks_of(shape).personal.keys()
        for field in unmarked:
            names = {f"{base.__name__}.{field}" for base in shape.__mro__}
            assert not PERSONAL_LOOKING.search(field) or names & NOT_PERSONAL.keys(), (
                f"{shape.__name__}.{field} looks personal: mark it, or say in NOT_PERSONAL why it is not"
            )


@pytest.mark.parametrize("plugin", DECLARED)
def test_routes_that_make_their_own_answers_are_explained(plugin):
    declared = DECLARED[plugin]
    own = [f"{plugin} {one.method} {one.path}" for table in declared.tables for one in table]
    own += [f"{plugin} * {mount.path}" for mount in declared.mounts]
    own += [
        f"{plugin} {route.method} {route.path}"
        for api in declared.apis
        for route in api.routes
        if signature_of(plugin, route).returns is web.StreamResponse
    ]
    assert set(own) <= RAW.keys()


def test_there_is_something_to_walk():
    assert ROUTES
    assert any(marks_of(shape).personal for _, route in (p.values for p in ROUTES) for shape in _shapes(route))


def _shapes(route: Route | FeedRoute) -> list[type[Struct]]:
    if isinstance(route, FeedRoute):
        return [shape for topic in route.topics for shape in structs_within(topic.payload)]
    signature = signature_of("walk", route)
    return structs_within(signature.returns) if gives_json(signature) else []
