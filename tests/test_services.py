"""isapi in one deployment and a plugin that requires it in another, as docs/plugins/isapi-client.md shows them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from serai import Api
from serai_isapi.plugin import register_routes
from serai_isapi.problems import AsOfOutOfRange, DepartmentNotFound, EmployeeNotFound, NoDataYet

PAGE = (Path(__file__).parents[1] / "docs" / "plugins" / "isapi-client.md").read_text()
KEYS = f'keys = ["{"k" * 48}"]'


def snippets(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def people(run_serai_once):
    """A company in which something changes all the time."""
    serai = run_serai_once(
        f"""
[kernel]
plugins = ["isapi"]
{KEYS}

[devices.ehr]
driver = "ehr_demo"
size = 300
epoch = {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}
pace = 2000

[plugins.isapi]
source = "ehr"
sync_cron = "0 0 1 1 *"
"""
    )
    serai.start()
    serai.wait_ready()
    serai.add_client("isapi:read", "isapi:sync", "isapi:approve", "isapi:hidden", "isapi:identity", "isapi:unmask")
    return serai


@pytest.fixture(autouse=True)
def synchronised(people, until):
    until(lambda: people.get("/isapi/api/v1/departments?limit=1").status == 200, "the first sync")


@pytest.fixture
def desk(people, run_serai, install_wheels):
    """The front desk of the page, elsewhere."""
    code = next(snippet for snippet in snippets("python") if "def plugin_info" in snippet)
    serai = run_serai(
        f"""
[kernel]
plugins = ["desk"]
{KEYS}

[kernel.outgoing]
allow = ["127.0.0.1/32"]

[services.isapi]
url = "http://127.0.0.1:{people.port}"
key = "{people.key}"
""",
        install_wheels({"desk": code}),
    )
    serai.start()
    serai.wait_ready()
    serai.add_client("desk:read")
    return serai


def test_a_plugin_works_with_isapi_in_another_deployment_through_its_restarts_and_hears_of_changes(people, desk, until):
    def state():
        row = desk.status()["desk"]
        return row["state"], row["reason_code"]

    def present():
        answer = desk.get("/desk/api/v1/present")
        return answer.json if answer.status == 200 else {"people": 0, "heard": 0}

    assert "is in order" in desk.cli("check").stdout
    until(lambda: state() == ("running", ""), f"the desk runs; {desk.tail()}")
    there = people.get("/isapi/api/v1/employees/00000002").json
    here = desk.get("/desk/api/v1/people/00000002").json
    assert here == {key: there[key] for key in ("emplid", "name", "mail")}
    nobody = desk.get("/desk/api/v1/people/99999999")
    assert (nobody.status, nobody.json["type"]) == (404, "/-/problems/employee-not-found")
    until(lambda: present()["people"] > 100, "the copy")

    people.stop()
    until(lambda: state() == ("degraded", "service-down"), "the desk serves on without isapi")
    assert present()["people"] > 100
    desk.cli("stop", "desk")
    desk.cli("start", "desk", ok=False)
    until(lambda: state() == ("blocked", "missing-requirement"), "a new start waits for isapi")
    assert f"http://127.0.0.1:{people.port}" in desk.status()["desk"]["reason"]

    people.start()
    people.wait_ready()
    until(lambda: state() == ("running", ""), f"the desk is back; {desk.tail()}")
    until(lambda: present()["people"] > 100, "the copy again")
    people.cli("jobs", "run", "isapi.sync")
    until(lambda: present()["heard"] > 0, f"news of somebody; {desk.tail()}")
    assert people.key not in desk.log.read_text()


def test_what_the_page_shows_works(people):
    environment = {**os.environ, "URL": f"http://127.0.0.1:{people.port}", "KEY": people.key}
    lines = [line for snippet in snippets("sh") for line in snippet.splitlines() if not line.startswith(("URL", "KEY"))]
    tell = "curl() { command curl -o /dev/null -w '%{method} %{url_effective} %{http_code}\\n' \"$@\"; }"
    script = "\n".join(["set -eu", tell, *lines])
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, env=environment, timeout=120)
    assert done.returncode == 0, done.stderr
    answers = [line.rsplit(" ", 1) for line in done.stdout.splitlines()]
    calls = [line for line in lines if re.match(r"(get|post) ", line)]
    assert len(answers) == len(calls)
    for call, (what, status) in zip(calls, answers, strict=True):
        expected = re.search(r"-> (\d+) [a-z-]+$", call)
        good = {expected[1]} if expected else {"200", "201", "204"}
        assert status in good, f"{call}: {what} answered {status}"
    shown = {(what.split()[0], what.split()[1].partition("/api/v1")[2].partition("?")[0]) for what, _ in answers}
    apis = [each for each in register_routes() if isinstance(each, Api)]
    for route in (route for api in apis for route in [*api.routes, *api.feeds]):
        template = re.sub(r"\{\w+\}", "[^/:]+", re.escape(route.path).replace(r"\{", "{").replace(r"\}", "}"))
        assert any(method == route.method and re.fullmatch(template, path) for method, path in shown), route.path

    program = next(snippet for snippet in snippets("python") if "asyncio.run" in snippet)
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, timeout=60)
    assert ran.returncode == 0, ran.stderr
    assert "['" in ran.stdout


def test_the_catalogue_of_errors_is_whole(people):
    document = people.get("/isapi/api/openapi.json").json
    told = {
        (status, slug)
        for operations in document["paths"].values()
        for operation in operations.values()
        for status, response in operation["responses"].items()
        for slug in response.get("x-problems", ())
    }
    rows = re.findall(r"^\| (\d{3}) \| `([a-z-]+)` \| (?:`(\w+)`)? ?\|", PAGE, re.MULTILINE)
    assert {(status, slug) for status, slug, _ in rows} == told
    classes = {slug: name for _, slug, name in rows if name and name != "Unavailable"}
    assert classes == {
        one.slug: one.__name__ for one in (AsOfOutOfRange, DepartmentNotFound, EmployeeNotFound, NoDataYet)
    }
