"""schemathesis, all checks, on isapi's OpenAPI as a running deployment serves it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]

TOML = f"""
[kernel]
plugins = ["isapi"]
keys = ["{"k" * 48}"]
client_rate = 100000
client_burst = 100000

[devices.ehr]
driver = "ehr_demo"
size = 200

[plugins.isapi]
source = "ehr"
"""


def test_the_api_does_what_its_document_says(run_serai, until):
    serai = run_serai(TOML)
    serai.start()
    serai.wait_ready()
    key = serai.add_client("isapi:read", "isapi:contact", "isapi:employment", "isapi:sync", "isapi:approve")
    until(lambda: serai.get("/isapi/api/v1/departments?limit=1").status == 200, "the first sync")
    _scim_is_served_too(serai, key)
    done = subprocess.run(
        [
            *(
                Path(sys.executable).with_name("schemathesis"),
                "run",
                f"http://127.0.0.1:{serai.port}/isapi/api/openapi.json",
            ),
            *("--checks", "all", "--header", f"Authorization: Bearer {key}"),
            *("--max-examples", "10", "--generation-deterministic", "--no-color", "--warnings", "off"),
        ],
        cwd=REPOSITORY,  # where schemathesis.toml is
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    tested = re.search(r"(\d+)/(\d+)", done.stdout)
    assert tested is not None
    assert tested[1] == tested[2]


def _scim_is_served_too(serai, key):
    refused = serai.get("/isapi/scim/v2/Users", key="srk_wrong")
    assert (refused.status, refused.headers["Content-Type"]) == (401, "application/scim+json")
    found = serai.get("/isapi/scim/v2/Users?filter=active+eq+true&sortBy=userName&count=3", key=key).json
    assert found["itemsPerPage"] == 3
    user = found["Resources"][0]
    assert user["meta"]["location"] == f"http://127.0.0.1:{serai.port}/isapi/scim/v2/Users/{user['id']}"
    tag = {"If-None-Match": user["meta"]["version"]}
    assert serai.get(f"/isapi/scim/v2/Users/{user['id']}", key=key, **tag).status == 304
