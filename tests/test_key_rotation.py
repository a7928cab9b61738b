"""The steps of docs/operators.md: a deployment gets a new key while it serves, and the old one goes."""

from __future__ import annotations

import json
import signal
import urllib.request

import pytest

OLD, NEW = "o" * 48, "n" * 48
SCOPES = ("isapi:read", "isapi:identity")


def toml(*keys: str) -> str:
    return f"""
[kernel]
plugins = ["isapi"]
keys = {json.dumps(keys)}

[devices.ehr]
driver = "ehr_demo"
size = 100

[plugins.isapi]
source = "ehr"
national_ids = true
"""


@pytest.fixture
def serai(run_serai, until):
    running = run_serai(toml(OLD))
    running.start()
    running.wait_ready()
    running.add_client(*SCOPES)
    until(lambda: running.status()["isapi"]["state"] == "running", "isapi has read its source")
    return running


def configure(serai, until, *keys):
    """Write the file anew and let new workers take over."""
    before = serai.workers()
    serai.file.write_text(toml(*keys))
    serai.process.send_signal(signal.SIGHUP)
    until(lambda: serai.workers() and not set(serai.workers()) & set(before), "new workers have taken over")


def uses(serai):
    """Rows by the state of their key."""
    rows = json.loads(serai.cli("keys", "status", "--json").stdout)
    found: dict[str, int] = {}
    for row in rows:
        found[row["state"]] = found.get(row["state"], 0) + row["rows"]
    return found


def bearers(serai, number):
    request = urllib.request.Request(
        f"http://127.0.0.1:{serai.port}/isapi/api/v1/employees:by-national-id",
        json.dumps({"national_id": number}).encode(),
        {"Authorization": f"Bearer {serai.key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)["emplids"]


def test_a_new_key_takes_over_and_the_old_one_goes(serai, until):
    people = serai.get("/isapi/api/v1/employees?limit=20&fields=emplid").json["items"]
    paths = [f"/isapi/api/v1/employees/{person['emplid']}/identity" for person in people]
    before = [serai.get(path).json for path in paths]
    number = next(one["national_id"] for who in before for one in who["documents"] if one["country"] == "CHN")
    emplids = bearers(serai, number)
    total = uses(serai)["encrypts"]
    assert total > 100

    configure(serai, until, OLD, NEW)
    configure(serai, until, NEW, OLD)
    assert uses(serai)["decrypts"] == total
    assert bearers(serai, number) == emplids
    serai.cli("jobs", "run", "kernel.rotate_keys")
    until(lambda: uses(serai)["decrypts"] == 0, "everything is of the new key")
    configure(serai, until, NEW)
    assert "missing" not in uses(serai)
    assert [serai.get(path).json for path in paths] == before
    assert bearers(serai, number) == emplids

    configure(serai, until, OLD)
    answer = serai.get(paths[0])
    assert (answer.status, answer.json["type"]) == (503, "/-/problems/key-missing")
    assert serai.cli("keys", "status", ok=False).returncode == 3
    (made,) = json.loads(serai.cli("audit", "--action", "kernel.client", "--json").stdout)
    assert (made["action"], made["who"].partition(":")[0]) == ("kernel.client.add", "cli")
    serai.cli("jobs", "run", "kernel.seal_audit")
    until(lambda: serai.cli("audit", "verify").stdout.startswith("1 rows"), "the audit log is sealed")
