"""OpenAPI: the document says what the server does, as a fuzzer judges it and as a reader finds it."""

from __future__ import annotations

import asyncio
import enum
import threading
from collections.abc import Iterator
from datetime import date, datetime
from typing import Annotated, Any, Literal

import msgspec
import pytest
import schemathesis
from aiohttp import web
from hypothesis import settings
from msgspec import UNSET, Meta, Struct, UnsetType

from serai import (
    Api,
    Call,
    Conflict,
    NotFound,
    Page,
    PageQuery,
    PluginError,
    Principal,
    Problem,
    Refused,
    Unauthenticated,
)
from serai.identity.fields import FieldPolicy
from serai.web.cursors import Cursors
from serai.web.keys import CONTEXT, CURSORS, PRINCIPAL
from serai.web.openapi import document, document_handler
from serai.web.typed import routes_of

KEY = "srk_test"


class Shape(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every shape here is."""


class Size(enum.IntEnum):
    SMALL = 1
    LARGE = 2


class Part(Shape):
    """A part of a thing."""

    name: Annotated[str, Meta(max_length=20)]
    parts: list[Part] = msgspec.field(default_factory=list)


class Thing(Shape):
    """A thing as it is shown."""

    id: int
    name: Annotated[str, Meta(description="What it is called", examples=["lamp"])]
    made: date | None = None
    colour: Literal["red", "blue"] | None = None
    parts: list[Part] = msgspec.field(default_factory=list)
    secret: str | UnsetType = UNSET


class NewThing(Shape):
    name: Annotated[str, Meta(min_length=1, max_length=20)]
    made: date | None = None
    seen: Annotated[datetime, Meta(tz=True)] | None = None
    weight: Annotated[float, Meta(ge=0)] = 1.0
    size: Size = Size.SMALL
    parts: Annotated[list[Part], Meta(max_length=3)] = msgspec.field(default_factory=list)


class ThingQuery(PageQuery):
    q: Annotated[str, Meta(max_length=40, description="Part of the name", examples=["lamp"])] | None = None
    recursive: bool = False
    colour: Literal["red", "blue"] | None = None
    size: Size | None = None
    since: date | None = None
    seen_before: Annotated[datetime, Meta(tz=True)] | None = None
    weight: float | None = None
    fields: list[Literal["id", "name"]] = msgspec.field(default_factory=list)
    ids: Annotated[list[int], Meta(max_length=5)] | None = None


class NoSuchThing(NotFound):
    slug = "no-such-thing"
    title = "There is no such thing"


class TooHeavy(Refused):
    slug = "too-heavy"
    title = "The thing is too heavy"


api = Api(version=1)
LAMP = Thing(id=1, name="lamp", parts=[Part(name="bulb")])


@api.get("/things", permission="demo:read")
async def list_things(call: Call, query: ThingQuery) -> Page[Thing]:
    """List things in order.

    The smallest come first.
    """
    call.position(query)
    return Page(items=[LAMP] * min(query.limit, 3), next_cursor=call.cursor(query, [3]))


@api.get("/things/{thing_id}", permission="demo:read", raises=[NoSuchThing])
async def get_thing(call: Call, thing_id: Annotated[int, Meta(ge=1)]) -> Thing:
    """Get one thing."""
    if thing_id > 9:
        raise NoSuchThing(f"There is no thing {thing_id}")
    return LAMP


@api.get("/things/by-name/{name}/{day}/{colour}", permission="demo:read")
async def get_by_name(
    call: Call, name: Annotated[str, Meta(min_length=1, max_length=9)], day: date, colour: Literal["red", "blue"]
) -> dict[str, Thing]:
    """Get things by name."""
    return {name: LAMP}


@api.post("/things", permission="demo:write", status=201, raises=[TooHeavy])
async def add_thing(call: Call, body: NewThing) -> Thing:
    """Add a thing."""
    return Thing(id=2, name=body.name, made=body.made, parts=body.parts)


@api.post("/things:batch-get", permission="demo:read")
async def get_things(call: Call, body: Annotated[list[NewThing], Meta(max_length=3)]) -> list[Thing]:
    """Get many things."""
    return [LAMP for _ in body]


@api.post("/things/{thing_id}/forget", permission="demo:write", raises=[Conflict])
async def forget_thing(call: Call, thing_id: int) -> None:
    """Forget a thing."""


@api.get("/about", public=True)
async def about(call: Call) -> Part:
    """Say what this is."""
    return Part(name="demo")


class NamedContext:
    name = "demo"


@web.middleware
async def duties(request: web.Request, handler: Any) -> web.StreamResponse:
    """As much of the kernel's middleware as the document promises."""
    try:
        known = request.headers.get("Authorization") == f"Bearer {KEY}"
        if not known and not request.path.endswith("/about"):
            raise Unauthenticated("No key")
        request[PRINCIPAL] = Principal(kind="client", id="c1", name="tester")
        response = await handler(request)
    except Problem as problem:
        response = problem_document(problem.status, problem.slug, problem.title, problem.sentence, problem.members)
    except web.HTTPException as refused:
        response = problem_document(refused.status, "http", refused.reason, refused.reason, {})
        response.headers.update({name: value for name, value in refused.headers.items() if name == "Allow"})
    response.headers["X-Request-Id"] = "r1"
    return response


def problem_document(status: int, slug: str, title: str, detail: str, members: Any) -> web.Response:
    problem = {"type": f"/-/problems/{slug}", "title": title, "status": status, "detail": detail, "request_id": "r1"}
    return web.json_response({**problem, **members}, status=status, content_type="application/problem+json")


def described(*apis: Api) -> dict[str, Any]:
    return document(name="demo", title="Demo", version="1.2.3", summary="Things", apis=apis, policy=FieldPolicy())


def application() -> web.Application:
    app, plugin = web.Application(middlewares=[duties]), web.Application()
    plugin[CONTEXT] = NamedContext()
    plugin[CURSORS] = Cursors([b"k" * 32])
    for method, path, handler, *_ in routes_of("demo", api):
        plugin.router.add_route(method, path, handler)
    plugin.router.add_get("/api/openapi.json", document_handler(described(api)))
    app.add_subapp("/demo", plugin)
    return app


# --- as a fuzzer judges it

fuzzed = schemathesis.openapi.from_dict(described(api))


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Of the application, on a server in a thread of its own: the fuzzer blocks."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    runner = web.AppRunner(application())

    async def start() -> str:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return "http://{}:{}".format(*runner.addresses[0])

    try:
        yield asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@fuzzed.parametrize()
@settings(max_examples=15, deadline=None, derandomize=True)
def test_the_server_does_what_the_document_says(case, address):
    case.call_and_validate(base_url=address, headers={"Authorization": f"Bearer {KEY}"})


# --- as a reader finds it


@pytest.fixture(scope="module")
def described_api() -> dict[str, Any]:
    return described(api)


def operation(document: dict[str, Any], path: str, method: str = "get") -> dict[str, Any]:
    return document["paths"][f"/demo/api/v1{path}"][method]


def parameter(document: dict[str, Any], path: str, name: str) -> dict[str, Any]:
    return next(one for one in operation(document, path)["parameters"] if one.get("name") == name)


def test_an_operation_says_what_it_does_and_who_may(described_api):
    listed = operation(described_api, "/things")
    assert (listed["operationId"], listed["summary"]) == ("list_things", "List things in order.")
    assert listed["description"] == "The smallest come first.\n\nNeeds the permission `demo:read`."
    assert (listed["x-permission"], listed["security"]) == ("demo:read", [{"key": []}])
    public = operation(described_api, "/about")
    assert (public["security"], "x-permission" in public) == ([], False)
    assert not {"401", "403"} & set(public["responses"])


def test_a_parameter_shows_its_description_example_default_and_limits(described_api):
    q = parameter(described_api, "/things", "q")
    assert (q["required"], q["description"], q["schema"]["examples"]) == (False, "Part of the name", ["lamp"])
    limit = parameter(described_api, "/things", "limit")["schema"]
    assert limit == {"type": "integer", "minimum": 1, "maximum": 1000, "default": 50}
    fields = parameter(described_api, "/things", "fields")
    assert (fields["schema"]["type"], fields["style"], fields["explode"]) == ("array", "form", False)
    assert parameter(described_api, "/things/{thing_id}", "thing_id")["required"] is True


def test_declared_problems_stand_beside_the_kernels_own(described_api):
    responses = operation(described_api, "/things", "post")["responses"]
    assert list(responses) == ["201", "400", "401", "403", "413", "415", "422", "429", "500", "503"]
    assert "The thing is too heavy" in responses["422"]["description"]
    assert responses["422"]["x-problems"] == ["too-heavy"]
    assert "404" in operation(described_api, "/things/{thing_id}")["responses"]


def test_reads_have_an_etag_and_pages_a_link(described_api):
    listed, one = operation(described_api, "/things"), operation(described_api, "/things/{thing_id}")
    assert {"ETag", "Link", "X-Request-Id"} == set(listed["responses"]["200"]["headers"])
    assert "Link" not in one["responses"]["200"]["headers"]
    assert "304" in one["responses"]
    assert "304" not in operation(described_api, "/things", "post")["responses"]
    assert "content" not in operation(described_api, "/things/{thing_id}/forget", "post")["responses"]["204"]


def test_requests_are_closed_and_answers_complete_but_open(described_api):
    schemas = described_api["components"]["schemas"]
    assert schemas["NewThing"]["additionalProperties"] is False
    assert schemas["NewThing"]["required"] == ["name"]
    assert "additionalProperties" not in schemas["Thing"]
    assert schemas["Thing"]["required"] == ["id", "name", "made", "colour", "parts"], "all but what may be UNSET"


def test_components_have_the_names_that_people_say(described_api):
    schemas = described_api["components"]["schemas"]
    assert {"ThingPage", "Part", "PartInput", "Size", "Problem"} <= set(schemas)
    assert not [name for name in schemas if "_" in name]
    assert schemas["ThingPage"]["properties"]["items"]["items"] == {"$ref": "#/components/schemas/Thing"}
    assert schemas["PartInput"]["properties"]["parts"]["items"] == {"$ref": "#/components/schemas/PartInput"}


def test_a_second_version_has_operation_ids_of_its_own():
    second = Api(version=2)
    second.get("/about", public=True)(about)
    paths = described(api, second)["paths"]
    assert paths["/demo/api/v1/about"]["get"]["operationId"] == "about"
    assert paths["/demo/api/v2/about"]["get"]["operationId"] == "about_v2"


def test_a_handler_that_cannot_be_bound_cannot_be_described():
    broken = Api()
    broken.get("/about/{name}", public=True)(about)
    with pytest.raises(PluginError, match=r"demo: .*about.*`name`"):
        described(broken)


class Mistake(Shape):
    text: str


async def err(call: Call) -> Mistake:
    """Return a shape with a name of the kernel's."""


def test_a_shape_with_a_name_of_the_kernels_is_refused():
    clashing = Api()
    clashing.get("/err", public=True)(err)
    with pytest.raises(PluginError, match="Mistake"):
        described(clashing)


async def test_the_document_is_served_with_an_etag(aiohttp_client, described_api):
    client = await aiohttp_client(application())
    headers = {"Authorization": f"Bearer {KEY}"}
    response = await client.get("/demo/api/openapi.json", headers=headers)
    assert await response.json() == described_api
    headers["If-None-Match"] = response.headers["ETag"]
    assert (await client.get("/demo/api/openapi.json", headers=headers)).status == 304
