"""Typed routes through a real server: what a client sees."""

from __future__ import annotations

import enum
import json
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec
import pytest
from aiohttp import web
from msgspec import Meta, Struct, field
from yarl import URL

from serai import Api, Call, Encoded, NotFound, Page, PageQuery, PluginError, Principal, Problem
from serai.identity.fields import FieldPolicy
from serai.web.cursors import Cursors
from serai.web.keys import CONTEXT, CURSORS, PRINCIPAL
from serai.web.typed import routes_of


class Shape(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every shape here is."""


class Person(Shape):
    emplid: str
    name: str
    seen: datetime | None = None


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class PeopleQuery(PageQuery):
    q: Annotated[str, Meta(max_length=10, description="Name")] | None = None
    recursive: bool = False
    ratio: float = 0.5
    day: date | None = None
    at: Annotated[datetime, Meta(tz=True)] | None = None
    status: Literal["active", "leaver"] = "active"
    colour: Colour | None = None
    fields: tuple[Literal["name", "phone"], ...] = ()
    sizes: list[int] = field(default_factory=list)


class Address(Shape):
    street: str
    number: int


class NewPerson(Shape):
    name: Annotated[str, Meta(min_length=1, max_length=20)]
    addresses: list[Address] = field(default_factory=list)
    ratio: float = 1.0


class NoSuchPerson(NotFound):
    slug = "no-such-person"
    title = "No such person"


class Directory:
    """Three people."""

    def __init__(self) -> None:
        self.people = [Person(emplid=f"{n:08}", name=name) for n, name in enumerate(["张伟", "李娜", "王芳"], 1)]


api = Api(version=1)
plain = {"permission": "demo:read"}


@api.get("/echo", **plain)
async def echo(call: Call, query: PeopleQuery) -> PeopleQuery:
    """The query as it was read."""
    return query


@api.get("/people", **plain)
async def list_people(call: Call, query: PeopleQuery) -> Page[Person]:
    """People in order."""
    start = (call.position(query) or [0])[0]
    people = call.get(Directory).people
    end = start + query.limit
    call.headers["X-Data-As-Of"] = "2026-01-01T00:00:00Z"
    return Page(items=people[start:end], next_cursor=call.cursor(query, [end] if end < len(people) else None))


@api.get("/people/{emplid}", raises=[NoSuchPerson], **plain)
async def get_person(call: Call, emplid: Annotated[str, Meta(max_length=8)]) -> Person:
    """One person."""
    for person in call.get(Directory).people:
        if person.emplid == emplid:
            return person
    raise NoSuchPerson(f"There is no {emplid}")


@api.get("/people/{emplid}/members", **plain)
async def list_members(call: Call, emplid: str, query: PageQuery) -> Page[Person]:
    """People of a person."""
    call.position(query)
    return Page(items=[], next_cursor=call.cursor(query, ["x"]))


@api.get("/days/{day}/{number}", **plain)
async def get_day(call: Call, number: Annotated[int, Meta(ge=1)], day: date) -> dict[str, Any]:
    """A day."""
    return {"day": day, "number": number}


@api.post("/people", status=201, **plain)
async def add_person(call: Call, body: NewPerson) -> NewPerson:
    """Add a person."""
    return body


@api.post("/people:batch-get", **plain)
async def batch_get(call: Call, body: list[Address], query: PageQuery) -> list[Address]:
    """Many at once."""
    return body


@api.post("/people/{emplid}/forget", **plain)
async def forget(call: Call, emplid: str) -> None:
    """Forget a person."""
    call.headers["X-Forgot"] = emplid


@api.get("/moment", **plain)
async def moment(call: Call) -> Person:
    """A person seen now."""
    call.headers["Vary"] = "Accept-Language"
    return Person(emplid="1", name="x", seen=datetime(2026, 5, 1, tzinfo=UTC) + timedelta(hours=1))


@api.get("/kept", **plain)
async def kept_page(call: Call, query: PageQuery) -> Page[Person] | Encoded[Page[Person]]:
    """A page that is kept as bytes, up to a size."""
    cursor = call.cursor(query, ["1"])
    page = Page(items=[Person(emplid="1", name="x")], next_cursor=cursor)
    if query.limit > 10:
        return page
    return Encoded(msgspec.json.encode(page), etag='"kept"' if query.limit == 1 else None, next_cursor=cursor)


@api.get("/stream", **plain)
async def stream(call: Call) -> web.Response:
    """Bytes."""
    return web.Response(text="raw", headers={"X-Who": call.who.id})


@api.get("/liar", **plain)
async def liar(call: Call) -> Person:
    """Returns nothing."""
    return None  # type: ignore[return-value]  # the mistake under test


class SmallContext:
    """As much of a context as these handlers use."""

    name = "demo"

    def __init__(self, *provided: object) -> None:
        self._provided = {type(one): one for one in provided}
        self.fields = FieldPolicy()

    def get(self, key: type) -> Any:
        return self._provided[key]


@web.middleware
async def small_duties(request: web.Request, handler: Any) -> web.StreamResponse:
    request[PRINCIPAL] = Principal(kind="client", id="c1", name="tester")
    try:
        return await handler(request)
    except Problem as problem:
        document = {"type": problem.slug, "detail": problem.sentence, **problem.members}
        return web.json_response(document, status=problem.status, content_type="application/problem+json")


def small_application(*apis: Api) -> web.Application:
    app = web.Application(middlewares=[small_duties])
    app[CONTEXT] = SmallContext(Directory())
    app[CURSORS] = Cursors([b"k" * 32])
    for one in apis:
        for method, path, handler, *_ in routes_of("demo", one):
            app.router.add_route(method, path, handler)
    return app


@pytest.fixture
async def client(aiohttp_client):
    return await aiohttp_client(small_application(api))


async def read(client, path: str) -> Any:
    response = await client.get(f"/api/v1{path}")
    assert response.status == 200, await response.text()
    return await response.json()


async def mistakes(client, path: str, status: int = 400) -> dict[str, tuple[str, str]]:
    """Pointer to what was expected and found."""
    return await mistakes_of(await client.get(URL(f"/api/v1{path}", encoded=True)), status)


async def mistakes_of(response, status: int = 400) -> dict[str, tuple[str, str]]:
    assert response.status == status, await response.text()
    document = await response.json()
    assert document["type"] == ("invalid-request" if status == 400 else "cursor-refused")
    return {error["pointer"]: (error["expected"], error["found"]) for error in document["errors"]}


async def post(client, path: str, data: str | bytes, content_type: str = "application/json"):
    return await client.post(f"/api/v1{path}", data=data, headers={"Content-Type": content_type})


# --- queries


async def test_a_query_becomes_its_struct(client):
    url = (
        "/echo?q=%E5%BC%A0+%E4%BC%9F&recursive=true&ratio=1.5e1&day=2024-02-29&at=2024-01-01T08:00:00%2B08:00"
        "&status=leaver&colour=blue&fields=name,phone&sizes=1%2C-2&limit=1000"
    )
    assert await read(client, url) == {
        "limit": 1000,
        "cursor": None,
        "q": "张 伟",
        "recursive": True,
        "ratio": 15.0,
        "day": "2024-02-29",
        "at": "2024-01-01T08:00:00+08:00",
        "status": "leaver",
        "colour": "blue",
        "fields": ["name", "phone"],
        "sizes": [1, -2],
    }


async def test_defaults_hold_without_a_query(client):
    echoed = await read(client, "/echo")
    assert (echoed["limit"], echoed["q"], echoed["fields"]) == (50, None, [])
    assert (await read(client, "/echo?fields="))["fields"] == []


async def test_null_in_a_query_is_a_text_like_any_other(client):
    assert (await read(client, "/echo?q=null"))["q"] == "null"
    assert "/day" in await mistakes(client, "/echo?day=null")


@pytest.mark.parametrize(
    "parameter",
    [
        "limit=1.0", "limit=1e2", "limit=%2B1", "limit=1_0", "limit=%201", "limit=01", "limit=", "limit=0",
        "limit=1001", "limit=%D9%A3", "sizes=9007199254740992", "recursive=True", "recursive=1", "recursive=",
        "recursive", "ratio=nan", "ratio=inf", "ratio=1e999", "ratio=.5", "day=20240101", "day=1700000000",
        "day=2023-02-29", "at=1700000000", "at=2024-01-01T00:00:00", "status=", "status=Active", "fields=name,,phone",
        "fields=mail", "q=%00", "q=%zz", "q=%ff", "q=%ed%a0%80", "q=01234567890", "limit=1&limit=2",
        "fields=name&fields=phone",
    ],
)  # fmt: skip
async def test_a_text_that_is_not_a_value_of_its_type_is_refused(client, parameter):
    name = parameter.partition("=")[0]
    assert any(pointer.split("/")[1] == name for pointer in await mistakes(client, f"/echo?{parameter}"))


async def test_an_unknown_parameter_is_refused_and_the_known_are_named(client):
    expected, found = (await mistakes(client, "/echo?qq=x"))["/qq"]
    assert "recursive" in expected.split(", ")
    assert "'qq'" in found
    assert await mistakes(client, "/moment?x=1") == {"/x": ("no parameters", "the unknown parameter 'x'")}


async def test_every_mistake_of_a_request_is_told_at_once(client):
    response = await client.post("/api/v1/people:batch-get?limitt=1&cursor=a&cursor=b", json=[{"street": 1}])
    assert {"/limitt", "/cursor", "/0/street"} <= set(await mistakes_of(response))


async def test_no_more_than_a_hundred_mistakes_are_told(client):
    response = await client.get("/api/v1/echo?" + "&".join(f"x{n}=1" for n in range(101)))
    document = await response.json()
    assert (len(document["errors"]), document["detail"]) == (100, "The first 100 of 101 mistakes in the request")


# --- paths


async def test_path_values_are_typed_and_passed_by_name(client):
    assert await read(client, "/days/2024-02-29/7") == {"day": "2024-02-29", "number": 7}


@pytest.mark.parametrize(
    ("path", "pointer"),
    [
        ("/days/2024-02-30/7", "/path/day"),
        ("/days/2024-02-29/0", "/path/number"),
        ("/days/2024-02-29/+7", "/path/number"),
        ("/people/123456789", "/path/emplid"),
        ("/people/a%00", "/path/emplid"),
    ],
)
async def test_a_path_value_that_does_not_fit_is_400(client, path, pointer):
    assert list(await mistakes(client, path)) == [pointer]


async def test_a_malformed_escape_in_a_path_is_400(client):
    response = await client.get(URL("/api/v1/people/%ff", encoded=True))
    assert await mistakes_of(response) == {"/path/emplid": ("percent-encoded UTF-8", "a malformed encoding")}


async def test_a_verb_after_a_colon_is_routed_and_nothing_is_204(client):
    response = await client.post("/api/v1/people/7/forget")
    assert (response.status, response.headers["X-Forgot"], await response.read()) == (204, "7", b"")
    assert (await post(client, "/people:batch-get", "[]")).status == 200


# --- bodies


async def test_a_body_becomes_its_struct_and_the_declared_status_is_sent(client):
    response = await post(client, "/people", '{"name": "张伟", "addresses": [{"street": "x", "number": 1}]}')
    assert response.status == 201
    assert (await response.json())["addresses"] == [{"street": "x", "number": 1}]
    assert "ETag" not in response.headers


@pytest.mark.parametrize(
    ("body", "pointer", "words"),
    [
        (b"", "", "line 1, column 1"),
        (b'{"name": }', "", "line 1, column 10"),
        (b'{"name": "a", "ratio": NaN}', "", "NaN"),
        (b'{"name": "a", "ratio": 1e999}', "", "1e999"),
        (b'{"name": "a", "name": "b"}', "", "'name' more than once"),
        (b'{"name": "a", "addresses": [{"street": "x", "number": 9007199254740992}]}', "", "9007199254740992"),
        (b'{"name": "\xff"}', "", "byte at 10"),
        (b'\xef\xbb\xbf{"name": "a"}', "", "column 1"),
        (b"[" * 100_000, "", "brackets"),
        (b'{"name": "a\\u0000"}', "/name", "x00"),
        (b'{"name": "a\\ud800"}', "/name", "ud800"),
        (b'{"name": "a", "\\u0000": 1}', "/\0", ""),
        (b'{"name": 1}', "/name", "int"),
        (b'{"name": ""}', "/name", ""),
        (b'{"name": "a", "addresses": [{"street": "x", "number": true}]}', "/addresses/0/number", "bool"),
        (b'{"name": "a", "addresses": [{"street": "x", "number": 1.5}]}', "/addresses/0/number", ""),
    ],
)
async def test_a_body_that_does_not_fit_is_400_with_a_pointer(client, body, pointer, words):
    found = await mistakes_of(await post(client, "/people", body))
    assert pointer in found
    assert words in " ".join(found[pointer])


async def test_a_body_where_none_is_taken_is_not_passed_over(client):
    assert await mistakes_of(await post(client, "/people/7/forget", "{}")) == {"": ("no body", "a body")}
    assert (await post(client, "/people/7/forget", "")).status == 204


@pytest.mark.parametrize(("body", "word"), [("{}", "name"), ('{"name": "a", "nick": "b"}', "nick"), ("[]", "object")])
async def test_a_body_of_another_shape_is_400_and_says_what_is_wrong(client, body, word):
    assert word in str(await mistakes_of(await post(client, "/people", body)))


async def test_an_emoji_escaped_as_a_surrogate_pair_is_text(client):
    response = await post(client, "/people", json.dumps({"name": "\U0001f3e8"}))
    assert (await response.json())["name"] == "\U0001f3e8"


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=gbk"]
)
async def test_a_body_that_is_not_said_to_be_json_is_415(client, content_type):
    assert (await post(client, "/people", '{"name": "a"}', content_type)).status == 415


async def test_a_body_in_stated_utf8_is_taken(client):
    assert (await post(client, "/people", '{"name": "a"}', "application/json; charset=UTF-8")).status == 201


# --- answers


async def test_an_answer_is_json_with_times_in_utc(client):
    response = await client.get("/api/v1/moment")
    assert response.content_type == "application/json"
    assert await response.text() == '{"emplid":"1","name":"x","seen":"2026-05-01T01:00:00Z"}'
    assert response.headers["Vary"] == "Accept-Language, Authorization"


async def test_an_unchanged_answer_is_304(client):
    etag = (await client.get("/api/v1/people")).headers["ETag"]
    assert etag.startswith('"')
    for stated in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        response = await client.get("/api/v1/people", headers={"If-None-Match": stated})
        assert (response.status, await response.read()) == (304, b"")
        assert response.headers["ETag"] == etag
        assert response.headers["X-Data-As-Of"] == "2026-01-01T00:00:00Z"
    assert (await client.get("/api/v1/people", headers={"If-None-Match": '"other"'})).status == 200


async def test_head_answers_as_get_without_the_body(client):
    got, headed = await client.get("/api/v1/people"), await client.head("/api/v1/people")
    assert (headed.status, await headed.read()) == (200, b"")
    for name in ("ETag", "Content-Length", "Content-Type"):
        assert headed.headers[name] == got.headers[name]


async def test_a_method_that_is_not_there_is_405_with_those_that_are(client):
    response = await client.delete("/api/v1/people")
    assert response.status == 405
    assert set(response.headers["Allow"].split(",")) == {"GET", "HEAD", "POST"}


async def test_an_answer_may_be_kept_as_bytes(client):
    response = await client.get("/api/v1/kept?limit=1")
    page = await response.json()
    assert page["items"] == [{"emplid": "1", "name": "x", "seen": None}]
    assert response.headers["ETag"] == '"kept"'
    assert response.links["next"]["url"].query["cursor"] == page["next_cursor"]
    again = await client.get("/api/v1/kept?limit=1", headers={"If-None-Match": '"kept"'})
    assert (again.status, await again.read()) == (304, b"")
    others = [await client.get(f"/api/v1/kept?limit={limit}") for limit in (2, 50)]
    assert await others[0].read() == await others[1].read()
    assert others[0].headers["ETag"] == others[1].headers["ETag"] != '"kept"'


async def test_a_handler_may_answer_itself(client):
    response = await client.get("/api/v1/stream")
    assert (await response.text(), response.headers["X-Who"]) == ("raw", "c1")


async def test_a_handler_that_returns_what_it_did_not_declare_is_an_error_of_ours(client):
    assert (await client.get("/api/v1/liar")).status == 500


# --- pages


async def test_following_the_link_sees_each_item_once(client):
    seen, url = [], "/api/v1/people?limit=1&q=a%26b"
    while url:
        response = await client.get(url)
        page = await response.json()
        seen += [item["name"] for item in page["items"]]
        url = response.links["next"]["url"].relative() if page["next_cursor"] else None
        assert ("next" in response.links) is (page["next_cursor"] is not None)
    assert seen == ["张伟", "李娜", "王芳"]


async def test_a_link_cannot_be_broken_out_of(client):
    response = await client.get(URL('/api/v1/people?limit=1&q=>;"', encoded=True))
    assert response.headers["Link"].count(">") == 1


async def test_the_limit_may_change_between_pages(client):
    cursor = (await read(client, "/people?limit=1"))["next_cursor"]
    assert len((await read(client, f"/people?limit=2&cursor={cursor}"))["items"]) == 2


@pytest.mark.parametrize("path", ["/people?q=a&", "/people/1/members?"])
async def test_a_cursor_serves_only_the_query_it_was_made_for(client, path):
    cursor = (await read(client, "/people?limit=1"))["next_cursor"]
    assert "another query" in (await mistakes(client, f"{path}cursor={cursor}", status=422))["/cursor"][1]


async def test_a_cursor_is_bound_to_the_values_of_its_path(client):
    cursor = (await read(client, "/people/1/members"))["next_cursor"]
    assert await read(client, f"/people/1/members?cursor={cursor}")
    assert "/cursor" in await mistakes(client, f"/people/2/members?cursor={cursor}", status=422)


# --- what is refused when a plugin is mounted


class Loose(Struct):
    x: int = 0


class LooseQuery(Struct, frozen=True):
    x: int = 0


class NestedLoose(Shape):
    loose: Loose


class NaiveTime(Shape):
    at: datetime


class NestedQuery(Shape):
    address: Address


class NameQuery(Shape):
    name: str = ""


async def no_call(query: PageQuery) -> None:
    """."""


async def no_return(call: Call):
    """."""


async def no_docstring(call: Call) -> None:
    pass


async def extra(call: Call, other: int) -> None:
    """."""


async def untyped(call: Call, emplid) -> None:
    """."""


async def defaulted(call: Call, emplid: str = "") -> None:
    """."""


async def list_in_path(call: Call, emplid: list[str]) -> None:
    """."""


async def optional_in_path(call: Call, emplid: str | None) -> None:
    """."""


async def loose_query(call: Call, query: LooseQuery) -> None:
    """."""


async def nested_query(call: Call, query: NestedQuery) -> None:
    """."""


async def loose_body(call: Call, body: NestedLoose) -> None:
    """."""


async def naive_time(call: Call, body: NaiveTime) -> None:
    """."""


async def scalar_body(call: Call, body: int) -> None:
    """."""


async def both(call: Call, query: NameQuery, body: NewPerson) -> None:
    """."""


async def maybe(call: Call) -> Person | None:
    """."""


async def unreadable(call: Call) -> Unknown:  # noqa: F821 - the mistake under test
    """."""


async def optional(call: Call) -> Annotated[Person | None, Meta(description="?")]:
    """."""


async def custom(call: Call) -> Directory:
    """."""


def synchronous(call: Call) -> None:
    """."""


@pytest.mark.parametrize(
    ("handler", "path", "words"),
    [
        (no_call, "/x", "call: Call"),
        (no_return, "/x", "return annotation"),
        (no_docstring, "/x", "docstring"),
        (extra, "/x", "`other`"),
        (untyped, "/{emplid}", "`emplid` without a type"),
        (defaulted, "/{emplid}", "default"),
        (get_person, "/{emplid}/{other}", "`other`"),
        (get_person, "/{emplid:[0-9]+}", "path"),
        (get_person, "/{emplid}/{emplid}", "path"),
        (get_person, "/{emplid}:forget", "path"),  # GET /{emplid} would answer it too
        (list_in_path, "/{emplid}", "`emplid`"),
        (optional_in_path, "/{emplid}", "`emplid`"),
        (loose_query, "/x", "LooseQuery"),
        (nested_query, "/x", "`address`"),
        (loose_body, "/x", "Loose in `body`"),
        (naive_time, "/x", "zone"),
        (scalar_body, "/x", "`body`"),
        (both, "/x", "'name' in both"),
        (maybe, "/x", "None"),
        (optional, "/x", "None"),
        (unreadable, "/x", "Unknown"),
        (custom, "/x", "Directory"),
        (synchronous, "/x", "async def"),
    ],
)
def test_a_handler_that_cannot_be_bound_is_refused_by_name(handler, path, words):
    broken = Api()
    broken.post(path, public=True)(handler)
    with pytest.raises(PluginError) as raised:
        routes_of("demo", broken)
    assert str(raised.value).startswith("demo: ")
    assert handler.__name__ in str(raised.value)
    assert words in str(raised.value)


def test_a_get_takes_no_body():
    broken = Api()
    broken.get("/x", public=True)(add_person)
    with pytest.raises(PluginError, match="GET"):
        routes_of("demo", broken)


def test_two_routes_that_answer_the_same_are_refused():
    broken = Api()
    broken.get("/people/{emplid}", public=True)(get_person)
    broken.get("/people/{other}", public=True)(list_members)
    with pytest.raises(PluginError, match="collides"):
        routes_of("demo", broken)


def test_a_nested_handler_is_refused():
    broken = Api()

    @broken.get("/x", public=True)
    async def nested(call: Call) -> None:
        """Hidden."""

    with pytest.raises(PluginError, match="module-level"):
        routes_of("demo", broken)
