"""Asking for a client, deciding on that, and taking its key: every transition, over HTTP."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from small_kernel import kernel_routes

from serai.identity import clients

WANTED = {"name": "payroll", "owner": "00000007", "scopes": ["isapi:read"], "purpose": "pays salaries"}
PROBLEMS = "/-/problems/"


@pytest.fixture
async def house(kernel_database, small_kernel):
    """A kernel, with callers that have keys: an asker, the owner (00000007), an approver, somebody else."""

    kernel = await small_kernel(
        database=kernel_database, attach=kernel_routes(kernel_database, "isapi:read", "kernel:clients")
    )
    keys = {}
    for name, scopes, person in (
        ("asker", [], "00000001"),
        ("owner", [], "00000007"),
        ("approver", ["kernel:clients"], "00000009"),
        ("other", [], None),
    ):
        _, keys[name] = await clients.add(kernel_database, name=name, owner="x", scopes=scopes, person=person)

    async def call(who, path="", body=None, *, method=None):
        headers = {"Authorization": f"Bearer {keys[who]}"}
        method = method or ("GET" if body is None else "POST")
        url = f"/-/api/v1/client-requests{path}"
        async with kernel.client.request(method, url, json=body or None, headers=headers) as response:
            return response.status, await response.json()

    async def asked(**more):
        status, made = await call("asker", body=WANTED | more)
        assert status == 201, made
        return f"/{made['request']['id']}", made["claim_secret"]

    return SimpleNamespace(call=call, asked=asked, kernel=kernel, database=kernel_database)


def refused(answer):
    status, problem = answer
    return status, problem["type"].removeprefix(PROBLEMS)


async def test_a_key_is_asked_for_endorsed_approved_and_taken_once(house):
    path, secret = await house.asked()
    assert (await house.call("owner", path + "/endorse", method="POST"))[1]["endorsed_by"]
    assert refused(await house.call("asker", path + "/claim", {"claim_secret": secret})) == (
        409,
        "client-request-not-approved",
    )
    status, approved = await house.call("approver", path + "/approve", {"reason": "the payroll project"})
    assert (status, approved["state"], approved["reason"]) == (200, "approved", "the payroll project")
    status, claimed = await house.call("asker", path + "/claim", {"claim_secret": secret})
    assert (status, claimed["name"], claimed["client_id"]) == (201, "payroll", approved["client_id"])
    headers = {"Authorization": f"Bearer {claimed['key']}"}
    async with house.kernel.client.get("/-/api/v1/client-requests", headers=headers) as response:
        assert response.status == 200
    made = await clients.find(house.database, "payroll")
    assert (made.profile.owner, made.scopes, made.profile.purpose) == ("00000007", ("isapi:read",), "pays salaries")
    assert refused(await house.call("asker", path + "/claim", {"claim_secret": secret})) == (410, "claim-over")
    assert (await house.call("asker", path))[1]["state"] == "claimed"


async def test_a_request_is_decided_on_once(house):
    approved, _ = await house.asked()
    denied, secret = await house.asked(name="second")
    await house.call("approver", approved + "/approve", {"reason": "yes"})
    status, answer = await house.call("approver", denied + "/refuse", {"reason": "the directory has that"})
    assert (status, answer["state"], answer["reason"]) == (200, "refused", "the directory has that")
    for path in (approved, denied):
        for verb in ("/approve", "/refuse"):
            assert refused(await house.call("approver", path + verb, {"reason": "again"})) == (
                409,
                "client-request-decided",
            )
        assert refused(await house.call("owner", path + "/endorse", method="POST")) == (409, "client-request-decided")
    assert refused(await house.call("asker", denied + "/claim", {"claim_secret": secret})) == (
        409,
        "client-request-not-approved",
    )


async def test_who_asked_cannot_approve_and_only_the_owner_endorses(house):
    _, made = await house.call("approver", body=WANTED)
    path = f"/{made['request']['id']}"
    assert refused(await house.call("approver", path + "/approve", {"reason": "me"})) == (
        403,
        "client-request-not-yours",
    )
    assert refused(await house.call("approver", path + "/endorse", method="POST")) == (403, "client-request-not-yours")
    assert refused(await house.call("owner", path + "/approve", {"reason": "mine"})) == (403, "forbidden")
    _, made = await house.call("owner", body=WANTED | {"name": "own"})
    assert made["request"]["endorsed_by"]


async def test_owner_and_asker_may_refuse_and_others_know_nothing(house):
    first, _ = await house.asked()
    second, _ = await house.asked()
    unseen = (404, "client-request-not-found")
    for path in (first, "/999"):
        assert refused(await house.call("other", path)) == unseen
        assert refused(await house.call("other", path + "/refuse", {"reason": "no"})) == unseen
        assert refused(await house.call("other", path + "/endorse", method="POST")) == unseen
    assert (await house.call("owner", first + "/refuse", {"reason": "not mine"}))[1]["state"] == "refused"
    assert (await house.call("asker", second + "/refuse", {"reason": "withdrawn"}))[1]["state"] == "refused"
    assert (await house.call("other"))[1]["items"] == []
    assert len((await house.call("approver", "?state=refused"))[1]["items"]) == 2
    _, page = await house.call("asker", "?limit=1")
    _, rest = await house.call("asker", f"?limit=1&cursor={page['next_cursor']}")
    assert [f"/{one['id']}" for one in (*page["items"], *rest["items"])] == [second, first]
    assert rest["next_cursor"] is None


async def test_the_key_is_only_for_who_has_the_secret_and_for_seven_days(house):
    path, secret = await house.asked()
    _, another = await house.asked(name="another")
    await house.call("approver", path + "/approve", {"reason": "yes"})
    for wrong in (another, "claim_", "é"):
        assert refused(await house.call("asker", path + "/claim", {"claim_secret": wrong})) == (
            403,
            "wrong-claim-secret",
        )
    async with house.database.raw() as connection:
        await connection.execute("update serai.client_request set claim_until = now()")
    assert refused(await house.call("asker", path + "/claim", {"claim_secret": secret})) == (410, "claim-over")


async def test_what_is_wrong_with_a_request_is_named(house):
    status, problem = await house.call("asker", body=WANTED | {"scopes": ["isapi:raed"], "person": "00000002"})
    assert (status, problem["errors"][0]["pointer"]) == (422, "/scopes/0")
    status, problem = await house.call("asker", body=WANTED | {"person": "00000002"})
    assert (status, problem["errors"][0]["expected"]) == (422, "your own emplid 00000001, or none")
    status, problem = await house.call("asker", body={"name": "x", "owner": "y", "scopes": [], "colour": 1})
    assert {one["pointer"] for one in problem["errors"]} >= {"/scopes", "/purpose", "/colour"}
    status, problem = await house.call("asker", body=WANTED | {"expires_at": "9999-12-31T23:59:59-12:00"})
    assert (status, problem["errors"][0]["pointer"]) == (422, "/expires_at")
    first, _ = await house.asked()
    second, _ = await house.asked()
    await house.call("approver", first + "/approve", {"reason": "yes"})
    assert refused(await house.call("approver", second + "/approve", {"reason": "too"})) == (409, "client-name-taken")
    assert (await house.call("asker", second))[1]["state"] == "waiting"


async def test_one_asker_cannot_flood_the_approvers(house, monkeypatch):
    monkeypatch.setattr("serai.identity.requests.MOST_WAITING", 1)
    path, _ = await house.asked()
    assert refused(await house.call("asker", body=WANTED)) == (409, "too-many-client-requests")
    await house.call("asker", path + "/refuse", {"reason": "withdrawn"})
    await house.asked()
