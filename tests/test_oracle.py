"""isapi on the driver `ehr_oracle`: a real deployment, and an Oracle on the wire that comes and goes."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from serai_ehr.conformance import make_specimen
from serai_ehr.views import PERSON
from serai_ehr_oracle.testing import PASSWORD, USER, load, oracle_stand_in


@pytest.fixture(scope="module")
def specimen():
    return make_specimen(size=40)


@pytest.fixture(scope="module")
def oracle(specimen, tmp_path_factory):
    path = tmp_path_factory.mktemp("oracle") / "hr"
    load(path, specimen)
    with oracle_stand_in(path) as running:
        yield running


def toml(oracle) -> str:
    return f"""
[kernel]
plugins = ["isapi"]
keys = ["{"k" * 48}"]

[devices.ehr]
driver = "ehr_oracle"
dsn = "127.0.0.1:{oracle.port}/HR"
user = "{USER}"
password = "{PASSWORD}"
connect_timeout = 2
statement_timeout = 2

[plugins.isapi]
source = "ehr"
"""


@pytest.fixture
def serai(run_serai, oracle):
    serai = run_serai(toml(oracle))
    serai.start()
    serai.wait_ready()
    serai.add_client("isapi:read")
    return serai


def test_oracle_down_slow_or_half_answering_isapi_serves_and_says_so(serai, oracle, specimen, until):
    people = {row[0] for row in specimen[PERSON]}
    until(lambda: runs(serai) and runs(serai)[0]["state"] == "done", "the first sync")
    everybody = served(serai)
    assert everybody
    assert everybody <= people

    # Half of the people are gone: nobody believes that.
    with closing(sqlite3.connect(oracle.path, isolation_level=None)) as hr:
        hr.execute("create table kept as select * from ps_person")
        hr.execute("delete from ps_person where rowid % 2")
        assert "V_IS_PERSON" in next_run(serai, until, "held")["reason"]
        assert served(serai) == everybody
        hr.execute("delete from ps_person")
        hr.execute("insert into ps_person select * from kept")

    oracle.stop_answering()
    assert "did not answer in time" in next_run(serai, until, "failed")["reason"]
    oracle.answer_again()
    assert served(serai) == everybody

    oracle.go_down()
    next_run(serai, until, "failed")
    row = until(lambda: (row := serai.status()["isapi"])["reason_code"] == "device-down" and row, "isapi is degraded")
    assert row["state"] == "degraded"
    assert "nothing listens there" in row["reason"]
    assert served(serai) == everybody
    answer = serai.get("/isapi/api/v1/employees?limit=1")
    assert (answer.status, bool(answer.headers["X-Data-As-Of"])) == (200, True)

    oracle.come_up()
    until(lambda: serai.status()["isapi"]["reason_code"] != "device-down", "the device is back")
    next_run(serai, until, "done")
    assert PASSWORD not in serai.log.read_text()


def runs(serai):
    return serai.get("/isapi/api/v1/sync-runs?limit=1").json["items"]


def served(serai):
    answer = serai.get("/isapi/api/v1/employees?limit=1000&include=leavers,future")
    return {person["emplid"] for person in answer.json["items"]}


def next_run(serai, until, state):
    """Ask for a whole synchronisation and wait until a new run ends; it has to end so."""
    before = runs(serai)[0]["id"]
    serai.cli("jobs", "run", "isapi.full_sync")
    ended = until(
        lambda: (run := runs(serai)[0])["id"] != before and run["state"] in ("done", "held", "failed") and run,
        f"a run that is {state}; {serai.tail()}",
    )
    assert ended["state"] == state, ended
    return ended
