"""Clients over HTTP: what an administrator does with them, and what the client meets then."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from small_kernel import kernel_routes

from serai.identity import audit, clients


@pytest.fixture
async def admin(kernel_database, small_kernel):
    kernel = await small_kernel(
        database=kernel_database, attach=kernel_routes(kernel_database, "isapi:read", "kernel:clients", "kernel:read")
    )
    _, key = await clients.add(kernel_database, name="admin", owner="ops", scopes=["kernel:clients"])

    async def call(method, path, body=None, *, key=key, **headers):
        headers = {"Authorization": f"Bearer {key}", **{name.replace("_", "-"): text for name, text in headers.items()}}
        async with kernel.client.request(method, f"/-/api/v1{path}", json=body, headers=headers) as response:
            return SimpleNamespace(status=response.status, headers=response.headers, json=await response.json())

    return call


async def test_a_client_is_made_read_changed_and_listed(admin, kernel_database):
    wanted = {"name": "payroll", "owner": "hr", "scopes": ["isapi:read"], "networks": ["10.1.0.0/16"], "fields": []}
    made = await admin("POST", "/clients", wanted)
    assert (made.status, made.headers["Cache-Control"]) == (201, "no-store")
    assert made.json["key"].startswith("srk_")
    assert made.json["client"] | wanted == made.json["client"]
    read = await admin("GET", "/clients/payroll")
    assert read.json == made.json["client"]
    etag = read.headers["ETag"]
    assert (await admin("PATCH", "/clients/payroll", {"rate": 5})).status == 428
    changed = await admin("PATCH", "/clients/payroll", {"rate": 5, "fields": None}, If_Match=etag)
    assert (changed.status, changed.json) == (200, read.json | {"rate": 5.0, "fields": None})
    stale = await admin("PATCH", "/clients/payroll", {"rate": 6}, If_Match=etag)
    assert (stale.status, stale.json["type"]) == (412, "/-/problems/precondition-failed")
    wrong = await admin("PATCH", "/clients/payroll", {"scopes": ["x:y"], "purpose": "a\nb"}, If_Match="*")
    assert (wrong.status, [one["pointer"] for one in wrong.json["errors"]]) == (422, ["/scopes/0", "/purpose"])
    assert (await admin("GET", "/clients/payroll")).headers["ETag"] == changed.headers["ETag"]
    assert [one["name"] for one in (await admin("GET", "/clients?limit=1")).json["items"]] == ["admin"]
    assert (await admin("POST", "/clients", wanted)).json["type"] == "/-/problems/client-name-taken"
    edit, *_ = await audit.entries(kernel_database, subject=made.json["client"]["id"])
    assert (edit.action, edit.who_name, edit.after) == ("kernel.client.edit", "admin", {"rate": 5.0, "fields": None})
    assert edit.request_id == changed.headers["X-Request-Id"]


async def test_a_client_is_suspended_resumed_rotated_and_revoked(admin, eventually):
    made = (await admin("POST", "/clients", {"name": "monitor", "owner": "ops", "scopes": ["kernel:read"]})).json
    key = made["key"]

    async def asks(key=key):
        return (await admin("GET", "/plugins", key=key)).status

    assert await asks() == 200
    suspended = await admin("POST", "/clients/monitor/suspend", {"reason": "too chatty"})
    assert (suspended.json["suspended_by"], suspended.json["suspended_reason"]) == ("admin", "too chatty")
    # The small kernel hears no notification; in a deployment it is refused within a second, tested elsewhere.
    second = (await admin("POST", "/clients/monitor/rotate", {"overlap": 60})).json["key"]
    assert await asks(second) == 401
    await admin("POST", "/clients/monitor/resume")
    assert await asks(second) == 200
    assert (await admin("POST", "/clients/monitor/rotate", {"overlap": 60})).json["type"] == "/-/problems/two-keys-live"
    use = (await admin("GET", "/clients/monitor/use")).json
    assert [(one["beginning"], one["live"]) for one in use["keys"]] == [(second[:8], True), (key[:8], True)]
    assert key not in str(use)
    third = (await admin("POST", "/clients/monitor/rotate", {"overlap": 0})).json["key"]
    revoked = await admin("POST", "/clients/monitor/revoke")
    assert revoked.json["revoked_at"]
    assert await asks(third) == 401
    assert (await admin("GET", "/clients/monitor")).status == 404
    assert (await admin("POST", f"/clients/{revoked.json['id']}/resume")).status == 409


async def test_own_rate_and_quota_take_the_place_of_the_kernels(admin):
    quota = {"name": "small", "owner": "x", "scopes": ["kernel:read"], "daily_quota": 2}
    burst = {"name": "slow", "owner": "x", "scopes": ["kernel:read"], "rate": 0.001, "burst": 3}
    for wanted, served, slug in ((quota, 2, "quota-spent"), (burst, 3, "too-many-requests")):
        key = (await admin("POST", "/clients", wanted)).json["key"]
        answers = [await admin("GET", "/plugins", key=key) for _ in range(served + 1)]
        assert [one.status for one in answers] == [*[200] * served, 429]
        assert answers[-1].json["type"] == f"/-/problems/{slug}"
        assert int(answers[-1].headers["Retry-After"]) >= 1
