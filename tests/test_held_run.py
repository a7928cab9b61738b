"""A reading that is not believed waits in a real deployment, and is served once somebody has approved it."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

TOML = f"""
[kernel]
plugins = ["isapi"]
keys = ["{"k" * 48}"]

[devices.ehr]
driver = "ehr_demo"
size = 100

[plugins.isapi]
source = "ehr"
hold_source_age_hours = 1e-9  # every clock is behind by more
"""
API = "/isapi/api/v1"


def post(serai, path: str, body: object) -> tuple[int, dict]:
    """POST with the client's key: status and answer."""
    headers = {"Authorization": f"Bearer {serai.key}", "Content-Type": "application/json"}
    data = json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{serai.port}{API}{path}", data=data, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_a_held_run_is_approved_over_http_and_what_it_read_is_served(run_serai, until):
    serai = run_serai(TOML)
    serai.start()
    serai.wait_ready()
    serai.add_client("isapi:read")

    def held():
        runs = serai.get(f"{API}/sync-runs?limit=1").json.get("items")  # none before isapi serves
        return runs[0] if runs and runs[0]["state"] == "held" else None

    run = until(held, "a held run")
    assert "the source's clock says" in run["reason"]
    assert serai.get(f"{API}/employees").status == 503
    because = {"reason": "the clock is right"}
    assert post(serai, f"/sync-runs/{run['id']}/approve", because)[0] == 403

    serai.key = json.loads(
        serai.cli("clients", "add", "hr", "--scope", "isapi:read", "--scope", "isapi:approve", "--json").stdout
    )["key"]
    status, approved = post(serai, f"/sync-runs/{run['id']}/approve", because)
    assert (status, approved["state"]) == (200, "approved")
    assert (approved["decision"]["by"], approved["decision"]["reason"]) == ("hr", "the clock is right")
    done = until(
        lambda: (now := serai.get(f"{API}/sync-runs/{run['id']}").json)["state"] == "done" and now, "what was approved"
    )
    assert done["counts"]["V_IS_PERSON"]["added"] >= 100
    assert until(lambda: serai.get(f"{API}/employees").status == 200, "people")

    status, problem = post(serai, f"/sync-runs/{run['id']}/approve", because)
    assert (status, problem["detail"]) == (409, f"synchronisation {run['id']} is done")
    assert post(serai, "/quarantine/1/ignore", because)[0] == 404
