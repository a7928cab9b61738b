"""Hidden people: whoever may not know of them learns nothing from any route."""

from __future__ import annotations

from datetime import date
from urllib.parse import urlencode

import msgspec
import pytest

from serai import Encoded, Problem
from serai.web.signature import NoQuery, signature_of
from serai_isapi import api, identity_api
from serai_isapi.hidden import HiddenPeople
from serai_isapi.problems import EmployeeNotFound
from serai_isapi.state import DataState

HIDDEN, NOBODY = "0003", "0999"
BODIES = {
    "batch_get_employees": lambda emplid: api.BatchGet(emplids=[emplid, "0004"]),
    **dict.fromkeys(
        ("approve_sync_run", "reject_sync_run", "ignore_quarantined", "reopen_quarantined"),
        lambda _: api.Reason(reason="x"),
    ),
    "find_by_national_id": lambda emplid: identity_api.NationalIdQuestion(national_id=f"id of {emplid}", country="USA"),
    "unmask": lambda _: identity_api.UnmaskRequest(field="mobile_phone", reason="asked for by HR"),
    "hide_person": lambda emplid: api.Hide(emplid=emplid, reason="x"),
    "show_person": lambda emplid: api.Show(emplid=emplid),
}
"""Of the routes that take one."""
READING = [
    pytest.param(route, id=route.operation)
    for part in (api, identity_api)
    for route in part.api.routes
    if route.permission != "isapi:hidden"
]


@pytest.fixture
async def hiding(house, company):
    """isapi, with somebody hidden who leads, manages, partners, and has a bad row."""
    for relation in ("LEADER", "HRBP", "VP"):
        company.add("RELATION", scope="D", scope_id="D3", relation=relation, emplid=HIDDEN, sort_order=0)
    company.add("RELATION", scope="E", scope_id="0004", relation="HRBP", emplid=HIDDEN, sort_order=0)
    company.of("DEPT", deptid="D3")[0]["manager_id"] = HIDDEN
    company.job(HIDDEN, date(2024, 1, 1), deptid="D9")
    company.add("NID", emplid=HIDDEN, country="USA", national_id_type="PASSPT", national_id=f"id of {HIDDEN}")
    house.configure(national_ids=True)
    await house.sync()
    await house.get(DataState).refresh()
    await house.get(HiddenPeople).hide(HIDDEN, reason="Board member", by="tests")
    await house.snapshots.hide(house.get(HiddenPeople).emplids)
    return house


def arguments(route, emplid: str, account: str, *, as_of: date | None = None) -> dict:
    """What a handler is called with to ask about that person, in as many ways as it has."""
    signature = signature_of("isapi", route)
    given = {"emplid": emplid, "rtx_id": account, "deptid": "D3", "run_id": "1", "entry_id": "1"}
    passed = {name: given[name] for name in signature.path}
    if signature.query is not NoQuery:
        fields = signature.query.__struct_fields__
        wanted = {"as_of": as_of, "recursive": True, "manager": emplid, "include": ["leavers", "future"]}
        if route.operation == "list_departments":
            del wanted["include"]
        passed["query"] = signature.query(**{name: value for name, value in wanted.items() if name in fields})
    if signature.body is not None:
        passed["body"] = BODIES[route.operation](emplid)
    return passed


def _takes_a_day(route) -> bool:
    signature = signature_of("isapi", route)
    return "as_of" in signature.query.__struct_fields__


def sent(answer) -> bytes:
    return answer.body if isinstance(answer, Encoded) else msgspec.json.encode(answer)


async def told(house, route, emplid: str, account: str, *scopes: str, **more) -> str:
    """All that is told: the answer's JSON or the problem, and the headers; the person's id and account replaced."""
    call = house.call(*scopes)
    try:
        answer = sent(await route.handler(call=call, **arguments(route, emplid, account, **more)))
    except Problem as problem:
        answer = repr((type(problem), problem.sentence, problem.hint, problem.members)).encode()
    return f"{answer.decode()} {sorted(call.headers.items())}".replace(account, "ACCOUNT").replace(emplid, "EMPLID")


@pytest.mark.parametrize("route", READING)
@pytest.mark.parametrize("as_of", [None, date(2026, 11, 20)], ids=["today", "as_of"])
async def test_a_hidden_person_is_told_like_nobody(hiding, route, as_of):
    if as_of is not None and not _takes_a_day(route):
        return
    about_hidden = await told(hiding, route, HIDDEN, "fangwang", as_of=as_of)
    assert about_hidden == await told(hiding, route, NOBODY, "nobodywang", as_of=as_of)


@pytest.mark.parametrize("route", READING)
async def test_no_answer_about_others_names_a_hidden_person(hiding, route):
    told_of_others = await told(hiding, route, "0004", "xiuouyang", "isapi:sync")
    assert HIDDEN not in told_of_others
    assert "王芳" not in told_of_others
    if {"emplid", "rtx_id"} & signature_of("isapi", route).path.keys():
        assert "NotFound" not in told_of_others


async def test_scim_tells_of_a_hidden_person_like_of_nobody(hiding, scim):
    client = scim()
    people, groups = await client.get("/Users"), await client.get("/Groups")
    assert [user["id"] for user in people["Resources"]] == ["0001", "0002", "0004"]
    assert people["totalResults"] == 3
    everything = repr((people, groups))
    assert HIDDEN not in everything
    assert "王芳" not in everything
    for path in ("/Users/{}", '/Users?filter=id eq "{}"', '/Groups?filter=members.value eq "{}"'):
        told = []
        for emplid in (HIDDEN, NOBODY):
            route, _, query = path.format(emplid).partition("?filter=")
            answer = await client.send("GET", route, query=urlencode({"filter": query}) if query else "")
            told.append((answer.status, answer.body, sorted(answer.headers.items())))
        assert told[0] == told[1]
    assert (await scim("isapi:hidden").get(f"/Users/{HIDDEN}"))["displayName"] == "王芳"


async def test_who_may_know_sees_them_and_so_does_the_person(hiding):
    for call in (hiding.call("isapi:hidden"), hiding.call(person=HIDDEN)):
        person = sent(await api.get_employee(call, HIDDEN, api.FieldsOnDay(fields=["name"])))
        assert person == b'{"emplid":"0003","name":"%b"}' % "王芳".encode()
        report = sent(await api.get_employee(call, "0004", api.FieldsOnDay(fields=["manager_emplid"])))
        assert report == b'{"emplid":"0004","manager_emplid":"0003"}'
        assert HIDDEN in (await api.get_department(call, "D3", api.OnDay())).leaders


async def test_others_stand_in_for_hidden_partners(hiding):
    partners = await api.get_hrbp(hiding.call(), "0004", api.FieldsOnly(fields=["name"]))
    assert (partners.scope, partners.deptid, [one.emplid for one in partners.people]) == ("department", "D1", ["0002"])


async def test_people_are_hidden_and_shown_again_with_a_reason(hiding):
    call = hiding.call("isapi:hidden")
    await api.hide_person(call, api.Hide(emplid="0001", reason="Protected"))
    await api.hide_person(call, api.Hide(emplid="0001", reason="Still protected"))
    page = await api.list_hidden_people(call, api.PageQuery())
    assert [(one.emplid, one.reason, one.by) for one in page.items] == [
        ("0001", "Still protected", "tests"),
        (HIDDEN, "Board member", "tests"),
    ]
    others = sent(await api.list_employees(hiding.call(), api.EmployeeQuery(fields=["emplid"])))
    assert others == b'{"items":[{"emplid":"0002"},{"emplid":"0004"}],"next_cursor":null}'

    await api.show_person(call, api.Show(emplid="0001"))
    assert b'"0001"' in sent(await api.get_employee(hiding.call(), "0001", api.FieldsOnDay(fields=["emplid"])))
    for unknown in (
        api.show_person(call, api.Show(emplid="0001")),
        api.hide_person(call, BODIES["hide_person"](NOBODY)),
    ):
        with pytest.raises(EmployeeNotFound):
            await unknown


async def test_another_process_hears_of_it(hiding):
    other = HiddenPeople(hiding.db, hiding.audit)
    hiding.db.listen("hidden", other.refresh)
    async with hiding.db.raw() as connection:
        await connection.add_listener("isapi.hidden", hiding.db.hear)
        try:
            await hiding.get(HiddenPeople).hide("0004", reason="x", by="tests")
            await hiding.db.heard.wait()
            assert other.emplids == {HIDDEN, "0004"}
        finally:
            await connection.remove_listener("isapi.hidden", hiding.db.hear)
