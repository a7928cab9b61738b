"""What the `serai` command prints, for people and as JSON: docs/cli.md is the promise, these tests hold it."""

from __future__ import annotations

import json
import re

import pytest

TOML = f"""
[kernel]
plugins = ["isapi"]
keys = ["{"k" * 48}"]

[devices.ehr]
driver = "ehr_demo"
size = 200

[plugins.isapi]
source = "ehr"
"""

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def shape(value):
    """The value with what differs from run to run replaced by its type."""
    if isinstance(value, dict):
        return {key: shape(each) for key, each in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    if isinstance(value, str) and MOMENT.fullmatch(value):
        return "MOMENT"
    return type(value).__name__


@pytest.fixture(scope="module")
def serai(run_serai_once):
    running = run_serai_once(TOML)
    running.start()
    running.wait_ready()
    return running


def json_of(serai, *arguments):
    return json.loads(serai.cli(*arguments, "--json").stdout)


def test_status(serai, until):
    row = until(
        lambda: (rows := json_of(serai, "status"))[0]["state"] == "running" and rows[0], "isapi has read its source"
    )
    assert shape(row) == {
        "name": "str",
        "version": "str",
        "state": "str",
        "since": "MOMENT",
        "reason_code": "str",
        "reason": "str",
        "hint": "str",
    }
    assert (row["name"], row["version"], row["reason_code"]) == ("isapi", "1.0.0", "")
    assert "isapi" in serai.cli("status").stdout


CLIENT = {
    "id": "str",
    "name": "str",
    "owner": "str",
    "scopes": ["str"],
    "person": "NoneType",
    "purpose": "str",
    "fields": "NoneType",
    "daily_quota": "NoneType",
    "rate": "NoneType",
    "burst": "NoneType",
    "networks": [],
    "created_at": "MOMENT",
    "expires_at": "NoneType",
    "last_used_at": "NoneType",
    "suspended_at": "NoneType",
    "suspended_by": "NoneType",
    "suspended_reason": "NoneType",
    "revoked_at": "NoneType",
}


def test_clients(serai):
    made = json_of(serai, "clients", "add", "payroll", "--scope", "isapi:read", "--owner", "HR")
    assert shape(made) == {"id": "str", "key": "str"}
    assert made["key"].startswith("srk_")
    listed = [client for client in json_of(serai, "clients", "list") if client["name"] == "payroll"]
    assert made["key"] not in json.dumps(listed)
    assert shape(listed) == [CLIENT]
    assert serai.get("/isapi/api/v1/employees?limit=1", key=made["key"]).status == 200
    revoked = json_of(serai, "clients", "revoke", "payroll", "--yes")
    assert revoked["revoked_at"]


def test_a_client_is_changed_suspended_and_rotated(serai, until):
    key = json_of(
        serai, "clients", "add", "moving", "--scope", "isapi:read", "--daily-quota", "9", "--network", "::1/128"
    )
    changed = json_of(
        serai, "clients", "edit", "moving", "--field", "none", "--clear", "networks", "--expires", "2999-01-01"
    )
    assert (changed["fields"], changed["networks"], changed["daily_quota"]) == ([], [], 9)
    assert changed["expires_at"] == "2999-01-01T00:00:00Z"
    second = json_of(serai, "clients", "rotate", "moving", "--overlap", "2d")
    for each in (key, second):
        assert serai.get("/isapi/api/v1/employees?limit=1", key=each["key"]).status == 200
    shown = json_of(serai, "clients", "show", "moving")
    keys = {
        "beginning": "str",
        "created_at": "MOMENT",
        "expires_at": "NoneType",
        "last_used_at": "NoneType",
        "live": "bool",
    }
    assert shape(shown) == {
        **CLIENT,
        "fields": [],
        "daily_quota": "int",
        "expires_at": "MOMENT",
        "requests_today": "int",
        "keys": [keys],
    }
    assert [one["beginning"] for one in shown["keys"]] == [second["key"][:8], key["key"][:8]]
    suspended = json_of(serai, "clients", "suspend", "moving", "--reason", "too chatty")
    assert suspended["suspended_reason"] == "too chatty"
    until(
        lambda: serai.get("/isapi/api/v1/employees?limit=1", key=second["key"]).status == 401, "the client is refused"
    )
    serai.cli("clients", "resume", "moving")
    assert serai.get("/isapi/api/v1/employees?limit=1", key=second["key"]).status == 200
    done = serai.cli("clients", "edit", "moving", "--burst", "0", "--network", "x", ok=False)
    assert (done.returncode, "burst: expected" in done.stderr, "networks[0]: expected" in done.stderr) == (
        1,
        True,
        True,
    )
    assert serai.cli("clients", "rotate", "moving", "--overlap", "soon", ok=False).returncode == 2


def test_a_client_is_asked_for_on_the_command_line(serai):
    ask = (
        "clients",
        "requests",
        "ask",
        "wanted",
        "--owner",
        "00000007",
        "--scope",
        "isapi:read",
        "--purpose",
        "reports",
    )
    asked = json_of(serai, *ask)
    assert shape(asked) == {"id": "int", "claim_secret": "str"}
    number = str(asked["id"])
    listed = json_of(serai, "clients", "requests", "list", "--state", "waiting")
    assert shape(listed) == [
        {
            "id": "int",
            "name": "str",
            "owner": "str",
            "person": "NoneType",
            "scopes": ["str"],
            "purpose": "str",
            "expires_at": "NoneType",
            "requested_by": "str",
            "requested_at": "MOMENT",
            "state": "str",
            "endorsed_by": "NoneType",
            "endorsed_at": "NoneType",
            "decided_by": "NoneType",
            "decided_at": "NoneType",
            "reason": "NoneType",
            "client_id": "NoneType",
            "claim_until": "NoneType",
            "claimed_at": "NoneType",
        }
    ]
    admin = json_of(serai, "clients", "add", "approver", "--scope", "kernel:clients")["key"]
    answer = serai.post(f"/-/api/v1/client-requests/{number}/approve", {"reason": "fine"}, key=admin)
    assert (answer.status, answer.json["state"]) == (200, "approved")
    claimed = json_of(serai, "clients", "requests", "claim", number, asked["claim_secret"])
    assert shape(claimed) == {"id": "str", "key": "str"}
    assert serai.get("/isapi/api/v1/employees?limit=1", key=claimed["key"]).status == 200
    again = serai.cli("clients", "requests", "claim", number, asked["claim_secret"], ok=False)
    assert (again.returncode, "was taken" in again.stderr) == (1, True)
    assert json_of(serai, "clients", "access", "wanted", "--subject", "00000001") == []


def test_a_revoked_key_is_refused_and_an_unknown_scope_is_named(serai, until):
    key = json_of(serai, "clients", "add", "shortlived", "--scope", "isapi:read")["key"]
    assert serai.get("/isapi/api/v1/employees?limit=1", key=key).status == 200
    serai.cli("clients", "revoke", "shortlived", "--yes")
    until(lambda: serai.get("/isapi/api/v1/employees?limit=1", key=key).status == 401, "the key is refused")
    done = serai.cli("clients", "add", "wrong", "--scope", "isapi:raed", ok=False)
    assert done.returncode == 1
    assert "isapi:raed" in done.stderr
    assert "isapi:read" in done.stderr


def test_keys(serai):
    (row, *_) = json_of(serai, "keys", "status")
    assert (row["state"], row["position"]) == ("encrypts", 1)
    assert re.fullmatch("[0-9a-f]{8}", row["key"])
    assert shape(row) in [
        {"key": "str", "state": "str", "position": "int", "column": column, "rows": "int"}
        for column in ("NoneType", "str")
    ]  # of a key that has encrypted nothing yet there is no column
    assert "encrypts" in serai.cli("keys", "status").stdout


def test_audit(serai, until):
    assert json_of(serai, "audit", "--action", "nothing.of.the.kind") == []
    verdict = json_of(serai, "audit", "verify")
    assert shape(verdict) == {"seal": "str", "unsealed": "int", "fault": "NoneType"}
    done = serai.cli("audit", "verify", "--seal", "99:" + "00" * 32, ok=False)
    assert (done.returncode, "seal 99, which was noted, is missing" in done.stdout) == (3, True)
    assert serai.cli("audit", "verify", "--seal", "nonsense", ok=False).returncode == 1


def test_jobs(serai, until):
    jobs = {job["name"]: job for job in json_of(serai, "jobs")}
    assert {"sync", "roll_over"} <= set(jobs)
    run = {
        "id": "int",
        "plugin": "str",
        "job": "str",
        "tick": "MOMENT",
        "attempt": "int",
        "cause": "str",
        "requested_by": "NoneType",
        "state": "str",
        "version": "str",
        "process_id": "str",
        "started_at": "MOMENT",
        "finished_at": "MOMENT",
        "error": "NoneType",
        "note": "str",
        "done": "NoneType",
        "total": "NoneType",
    }
    until(lambda: json_of(serai, "jobs", "runs", "isapi.sync")[-1]["state"] == "succeeded", "the first sync")
    first = json_of(serai, "jobs", "runs", "isapi.sync")[-1]
    assert re.match(r"done: [\d,]+ read, 0 quarantined, [\d,]+ added", first["note"])
    found = shape(first)
    assert found.keys() == run.keys()
    assert {key: found[key] for key in ("id", "tick", "started_at", "finished_at")} == {
        key: run[key] for key in ("id", "tick", "started_at", "finished_at")
    }
    assert jobs["sync"].keys() == {
        "plugin",
        "name",
        "title",
        "schedule",
        "zone",
        "version",
        "paused",
        "switched_at",
        "switched_by",
        "next_due",
        "last_run",
    }
    serai.cli("jobs", "pause", "isapi.sync")
    assert {job["name"]: job["paused"] for job in json_of(serai, "jobs")}["sync"] is True
    serai.cli("jobs", "resume", "isapi.sync")
    asked = json_of(serai, "jobs", "run", "isapi.sync")["id"]
    until(
        lambda: {run["id"]: run["state"] for run in json_of(serai, "jobs", "runs", "isapi.sync")}[asked] == "succeeded",
        "the run that was asked for",
    )


def test_devices(serai):
    assert shape(json_of(serai, "devices")) == [
        {
            "name": "str",
            "kind": "str",
            "driver": "str",
            "host": "str",
            "pid": "int",
            "state": "str",
            "since": "MOMENT",
            "reason": "str",
            "hint": "str",
        }
    ]


def test_db(serai):
    rows = {row["name"]: row for row in json_of(serai, "db", "status")}
    assert rows["isapi"] == {
        "name": "isapi",
        "state": "current",
        "current": rows["isapi"]["head"],
        "head": rows["isapi"]["head"],
        "pending": [],
    }
    assert rows["serai"]["state"] == "current"
    assert json_of(serai, "db", "upgrade", "isapi") == [rows["isapi"]]
    refused = serai.cli("db", "purge", "isapi", "--yes", ok=False)
    assert refused.returncode == 1
    assert "serai stop isapi" in refused.stderr


def test_openapi(serai):
    document = json_of(serai, "openapi", "isapi")
    assert document["openapi"] == "3.1.0"
    assert "/isapi/api/v1/employees/{emplid}" in document["paths"]


def test_doctor(serai):
    findings = json_of(serai, "doctor")
    assert shape(findings) == [{"check": "str", "state": "str", "detail": "str", "hint": "str"}]
    assert {finding["state"] for finding in findings} == {"ok"}


def test_check_names_every_mistake_at_once(serai, tmp_path):
    bad = tmp_path / "bad.toml"
    bad.write_text(
        TOML.replace("size = 200", 'size = "many"\ncolour = "red"')
        .replace('source = "ehr"', 'source = "ehr"\nsync_crno = "* * * * *"')
        .replace('plugins = ["isapi"]', 'workers = 0\nplugins = ["isapi", "isappi"]')
    )
    done = serai.cli("check", ok=False)
    assert (done.returncode, "in order" in done.stdout) == (0, True)
    serai.file, good = bad, serai.file
    try:
        done = serai.cli("check", ok=False)
        listed = json.loads(serai.cli("check", "--json", ok=False).stdout)
    finally:
        serai.file = good
    assert done.returncode == 3
    for words in ("kernel.workers", "devices.ehr.size", "devices.ehr.colour", "plugins.isapi.sync_crno", "isappi"):
        assert words in done.stderr
    assert shape(listed) == [{"file": "str", "path": "str", "expected": "str", "found": "str", "text": "str"}]


def test_check_names_a_schedule_that_is_none(serai, tmp_path):
    bad = tmp_path / "bad.toml"
    bad.write_text(TOML.replace('source = "ehr"', 'source = "ehr"\nsync_cron = "every day"'))
    done = serai.cli_without_file("check", "-c", str(bad), ok=False)
    assert done.returncode == 3
    assert "sync_cron" in done.stderr
    assert "every day" in done.stderr


def test_check_names_fields_and_audiences_that_there_are_not(serai, tmp_path):
    bad = tmp_path / "bad.toml"
    tables = """
[fields."isapi.mobile_fone"]
clear = ["hrbp"]
[fields."isapi.grade"]
clear = ["manager", "isapi:employmnt", "outage:read"]
"""
    bad.write_text(TOML + tables)
    done = serai.cli_without_file("check", "-c", str(bad), ok=False)
    assert done.returncode == 3
    for words in (
        "fields.isapi.mobile_fone: expected one of:",
        "did you mean isapi.mobile_phone?; found unknown field",
        'did you mean managers?; found "manager"',
        'did you mean isapi:employment?; found "isapi:employmnt"',
        'found "outage:read"',
    ):
        assert words in done.stderr, done.stderr


def test_check_names_services_that_cannot_be_had_from_elsewhere(serai, tmp_path):
    bad = tmp_path / "bad.toml"
    bad.write_text(TOML + '[services.outage]\nurl = "https://serai.example"\nkey = "srk_x"\n')
    done = serai.cli_without_file("check", "-c", str(bad), ok=False)
    assert done.returncode == 3
    assert "services.outage: no installed wheel brings a plugin named outage" in done.stderr


def test_config_schema_is_json_schema_with_the_plugins_settings(serai):
    schema = json.loads(serai.cli_without_file("config", "schema").stdout)
    assert "plugins" in schema["properties"]
    assert "isapi" in json.dumps(schema)


def test_a_file_that_is_not_there_is_named(serai, tmp_path):
    done = serai.cli_without_file("status", "-c", str(tmp_path / "nothing.toml"), ok=False)
    assert done.returncode == 1
    assert "nothing.toml" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_plugin_whose_device_is_missing_or_down_says_so(run_serai, until):
    serai = run_serai(TOML.replace('source = "ehr"', 'source = "nosuch"'))
    serai.start()
    row = until(lambda: (rows := serai.status())["isapi"]["state"] == "blocked" and rows["isapi"], "isapi is blocked")
    assert row["reason_code"] == "device-missing"
    assert "nosuch" in row["reason"]
    serai.stop()

    serai = run_serai(
        TOML.replace('driver = "ehr_demo"\nsize = 200', 'driver = "ehr_postgres"\ndsn = "postgresql://x@127.0.0.1:1/x"')
    )
    serai.start()
    row = until(
        lambda: (rows := serai.status())["isapi"]["reason_code"] == "device-down" and rows["isapi"], "isapi is degraded"
    )
    assert row["state"] == "degraded"
    assert "ehr (ehr_postgres)" in row["reason"]
