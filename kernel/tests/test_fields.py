"""The field policy: who sees which personal fields, in values and in the answers of typed routes."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

import attrs
import msgspec
import pytest
from aiohttp import web
from msgspec import UNSET, Meta, Struct, UnsetType

from serai import Api, Call, Page, Personal, PersonalField, PluginError, Principal, Problem, Subject
from serai.config.fields import FieldSettings
from serai.identity.fields import FieldPolicy
from serai.web.cursors import Cursors
from serai.web.fields import check_fields
from serai.web.keys import CONTEXT, CURSORS, PRINCIPAL
from serai.web.openapi import document
from serai.web.typed import routes_of

PHONE = PersonalField("demo.phone", "phone", clear=["self", "hrbp", "demo:contact"], masked=["anyone"], mask="phone")
BORN = PersonalField("demo.born", "day of birth", clear=["self", "demo:birth"], masked=["managers"])
GRADE = PersonalField("demo.grade", "grade", clear=["managers"])


class Shape(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every shape here is."""


class Flat(Shape, kw_only=True):
    """Where somebody lives."""

    phone: Annotated[str | UnsetType | None, Personal("demo.phone"), Meta(description="Of the flat")] = UNSET
    number: int


class Person(Shape, kw_only=True, rename="camel"):
    """Somebody."""

    emplid: Annotated[str, Subject()]
    name: str
    mobile_phone: Annotated[str | UnsetType | None, Personal("demo.phone")] = UNSET
    born: Annotated[date | UnsetType | None, Personal("demo.born")] = UNSET
    grade: Annotated[str, Personal("demo.grade")] | UnsetType = UNSET
    flat: Flat | None = None
    team: list[Person] = msgspec.field(default_factory=list)


class Plain(Shape):
    """Nothing personal."""

    name: str
    parts: list[Plain] = msgspec.field(default_factory=list)


class PeopleQuery(Shape):
    """Which people."""

    phone: Annotated[str, Personal("demo.phone")] | None = None
    name: str | None = None


def person(emplid: str, **more: Any) -> Person:
    return Person(emplid=emplid, name="张伟", mobile_phone="13812348000", born=date(1990, 1, 1), grade="P7", **more)


class Line:
    """`Relations` where the number before is the manager; it counts how often it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []

    async def of(self, viewer, subjects):
        self.asked.append(tuple(subjects))
        return {subject: frozenset({"managers"} if viewer < subject else set()) for subject in subjects}


def policy_of(*fields: PersonalField, relations: Any = None, **settings: FieldSettings) -> FieldPolicy:
    policy = FieldPolicy({f"demo.{name}": one for name, one in settings.items()}, lambda: relations)
    policy.declare(fields or (PHONE, BORN, GRADE))
    return policy


def system(*scopes: str) -> Principal:
    return Principal(kind="client", id="c1", name="tester", scopes=frozenset(scopes))


def colleague(emplid: str, *scopes: str) -> Principal:
    return attrs.evolve(system(*scopes), person=emplid)


async def seen(policy: FieldPolicy, who: Principal, value: Any) -> Any:
    return msgspec.to_builtins((await policy.of(who).show(value)).value)


async def test_nobody_sees_a_field_that_is_not_meant_for_them():
    assert await seen(policy_of(), system(), person("2")) == {
        "emplid": "2", "name": "张伟", "flat": None, "team": [],
    }  # fmt: skip


async def test_a_permission_shows_what_it_is_for():
    shown = await seen(policy_of(), system("demo:contact"), person("2"))
    assert (shown["mobilePhone"], "born" in shown, "grade" in shown) == ("13812348000", False, False)


async def test_a_caller_sees_no_more_than_the_fields_it_was_given():
    who = attrs.evolve(system("demo:contact", "demo:birth"), fields=frozenset({"demo.born"}))
    shown = await seen(policy_of(), who, person("2"))
    assert ("mobilePhone" in shown, shown["born"]) == (False, "1990-01-01")
    nothing = attrs.evolve(colleague("2"), fields=frozenset())
    assert await seen(policy_of(), nothing, person("2")) == await seen(policy_of(), system(), person("2"))


async def test_colleagues_see_by_what_they_are_to_each_person_and_the_service_is_asked_once():
    line = Line()
    people = [person("1"), person("2"), person("3")]
    shown = await seen(policy_of(relations=line), colleague("2"), people)
    assert [one["mobilePhone"] for one in shown] == ["138****8000", "13812348000", "138****8000"]
    assert [one.get("born") for one in shown] == [None, "1990-01-01", None]  # no text: left out, not masked
    assert [one.get("grade") for one in shown] == [None, None, "P7"]
    assert line.asked == [("1", "2", "3")]


async def test_without_the_service_self_anyone_and_permissions_hold():
    shown = await seen(policy_of(), colleague("2", "demo:birth"), [person("2"), person("3")])
    assert [one["mobilePhone"] for one in shown] == ["13812348000", "138****8000"]
    assert [one["born"] for one in shown] == ["1990-01-01"] * 2
    assert not any("grade" in one for one in shown)


async def test_the_service_is_not_asked_where_relations_change_nothing():
    line = Line()
    policy = policy_of(
        relations=line, phone=FieldSettings(clear=("anyone",)), born=FieldSettings(clear=(), masked=()),
        grade=FieldSettings(clear=("demo:grade",)),
    )  # fmt: skip
    assert (await seen(policy, colleague("1"), person("2")))["mobilePhone"] == "13812348000"
    await seen(policy_of(relations=line), system(), person("2"))
    assert line.asked == []


async def test_the_subject_holds_for_structs_within_and_an_inner_one_has_its_own():
    boss = person("1", flat=Flat(phone="13812340001", number=1), team=[person("2", flat=Flat(phone="x", number=2))])
    shown = await seen(policy_of(), colleague("2"), {"boss": (boss,)})
    assert shown["boss"][0]["flat"] == {"phone": "138****0001", "number": 1}
    assert shown["boss"][0]["team"][0]["flat"] == {"phone": "x", "number": 2}


def test_what_is_not_touched_is_the_very_object():
    policy = policy_of()
    page = Page(items=[Plain(name="x", parts=[Plain(name="y")])])
    assert policy.show(page, lambda shape, _: policy.view(shape, ())).value is page
    everything = person("1")
    assert (
        policy.show(everything, lambda s, _: policy.view(s, {"demo:contact", "demo:birth"}, {"managers"})).value
        == everything
    )


def test_views_name_fields_and_are_kept():
    policy = policy_of()
    view = policy.view(Person, {"demo:contact"}, {"managers"})
    assert (view.clear, view.masked, view.hidden) == ({"mobile_phone", "grade"}, set(), {"born"})
    assert policy.view(Person, {"demo:contact", "demo:other"}, {"managers"}) is view
    assert policy.view(Person, (), {"anyone"}).key != policy.view(Person, ()).key
    assert policy.of(colleague("1")).widest(Person).clear == {"mobile_phone", "born", "grade"}
    assert policy.of(system()).widest(Person).hidden == {"mobile_phone", "born", "grade"}


def test_a_deployment_changes_who_sees_a_field():
    policy = policy_of(phone=FieldSettings(clear=("demo:birth",)))
    assert policy.view(Person, {"demo:contact"}).hidden >= {"mobile_phone"}
    assert policy.view(Person, {"demo:birth"}).clear == {"mobile_phone", "born"}
    assert policy.view(Person, (), {"anyone"}).masked == {"mobile_phone"}


def test_marks_that_contradict_each_other_are_refused():
    class Two(Struct):
        one: Annotated[str, Subject()]
        other: Annotated[str, Subject()]

    class Both(Struct):
        one: Annotated[str, Personal("demo.phone"), Personal("demo.born")] | UnsetType = UNSET

    for shape, words in ((Two, "one and other"), (Both, "demo.born and as demo.phone")):
        with pytest.raises(PluginError, match=words):
            policy_of().view(shape, ())


# --- on typed routes

api = Api(version=1)


@api.get("/people", public=True)
async def list_people(call: Call, query: PeopleQuery) -> Page[Person]:
    """People; the handler itself has left out a name."""
    call.headers["X-Fields-Denied"] = "name"
    return Page(items=[person("1"), person("2")])


@api.get("/plain", public=True)
async def get_plain(call: Call) -> Plain:
    """Nothing personal."""
    return Plain(name="x")


class SmallContext:
    """As much of a context as these handlers use."""

    name = "demo"

    def __init__(self, fields: FieldPolicy) -> None:
        self.fields = fields


@pytest.fixture
async def ask(aiohttp_client):
    """`ask(path, who)`: status, headers and JSON."""
    asking: list[Principal] = []

    @web.middleware
    async def duties(request, handler):
        request[PRINCIPAL] = asking[-1]
        try:
            return await handler(request)
        except Problem as problem:
            return web.json_response({"type": problem.slug, **problem.members}, status=problem.status)

    app = web.Application(middlewares=[duties])
    app[CONTEXT] = SmallContext(policy_of())
    app[CURSORS] = Cursors([b"k" * 32])
    for bound in routes_of("demo", api):
        app.router.add_route(bound.method, bound.path, bound.handler)
    client = await aiohttp_client(app)

    async def answer(path: str, who: Principal) -> tuple[int, Any, Any]:
        asking.append(who)
        response = await client.get(f"/api/v1{path}")
        return response.status, response.headers, await response.json()

    return answer


async def test_an_answer_leaves_out_and_masks_and_says_what(ask):
    status, headers, page = await ask("/people", colleague("2"))
    assert status == 200
    assert [one["mobilePhone"] for one in page["items"]] == ["138****8000", "13812348000"]
    assert headers["X-Fields-Denied"] == "born, grade, name"
    assert headers["X-Fields-Masked"] == "mobilePhone"


async def test_two_callers_get_two_etags(ask):
    tags = {(await ask("/people", who))[1]["ETag"] for who in (system(), system("demo:contact"), colleague("2"))}
    assert len(tags) == 3


async def test_a_parameter_on_a_field_that_is_not_seen_of_everybody_is_refused(ask):
    for who in (system(), colleague("2"), system("demo:birth")):
        status, _, problem = await ask("/people?phone=13812348000", who)
        assert (status, problem["type"]) == (403, "field-not-seen")
        assert (problem["parameter"], problem["field"]) == ("phone", "demo.phone")
    assert (await ask("/people?phone=1", system("demo:contact")))[0] == 200
    assert (await ask("/people?name=1", system()))[0] == 200


async def test_an_answer_without_personal_fields_is_sent_as_it_is(ask):
    status, headers, plain = await ask("/plain", system())
    assert (status, plain) == (200, {"name": "x", "parts": []})
    assert "X-Fields-Denied" not in headers


async def test_the_document_says_who_sees_a_field():
    told = document(name="demo", title="", version="1", summary="", apis=[api], policy=policy_of())
    properties = told["components"]["schemas"]["Person"]["properties"]
    assert properties["mobilePhone"]["description"] == (
        "Personal (phone): clear for self, hrbp, demo:contact; masked for anyone; otherwise left out."
    )
    assert told["components"]["schemas"]["Flat"]["properties"]["phone"]["description"].startswith(
        "Of the flat. Personal"
    )
    operation = told["paths"]["/demo/api/v1/people"]["get"]
    assert {"X-Fields-Denied", "X-Fields-Masked"} <= operation["responses"]["200"]["headers"].keys()
    assert "field-not-seen" in operation["responses"]["403"]["x-problems"]
    assert "X-Fields-Denied" not in told["paths"]["/demo/api/v1/plain"]["get"]["responses"]["200"]["headers"]


class Leaky(Shape):
    """A personal field that cannot be left out."""

    phone: Annotated[str | None, Personal("demo.phone")]


async def get_leaky(call: Call) -> Page[Leaky]:
    """Leaks."""
    raise NotImplementedError


def test_a_personal_field_that_cannot_be_left_out_is_refused():
    broken = Api()
    broken.get("/leaky", public=True)(get_leaky)
    with pytest.raises(PluginError, match=r"demo: .*get_leaky.*Leaky\.phone.*could not be left out"):
        routes_of("demo", broken)


def test_a_field_that_nobody_declares_is_refused_with_the_nearest():
    with pytest.raises(PluginError, match=r"Person\.born.*nobody declares the personal field demo\.born") as refused:
        check_fields("demo", [api], policy_of(PHONE, GRADE, attrs.evolve(BORN, name="demo.bron")))
    assert refused.value.hint == "did you mean demo.bron?"
