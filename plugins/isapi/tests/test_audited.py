"""Decisions about what was read are in the audit log."""

from __future__ import annotations

from serai.identity import audit
from serai_isapi.decisions import Decider
from serai_isapi.journal import Journal
from serai_isapi.quarantine import Quarantine


async def test_decisions_about_held_runs_and_quarantined_rows_are_noted(house):
    house.company.person("0099", "赵六", hire_dt=None, per_org="XXX")
    await house.sync()
    (entry,) = await house.get(Quarantine).entries()
    decider = Decider("ops", "0001", "known at HR", house.now())
    await house.get(Quarantine).ignore(entry.id, decider)
    house.configure(hold_quarantined_percent=0.0, hold_below_percent=100.0)
    del house.company.rows["V_IS_NAME"][-1]
    run = await house.sync()
    assert run["state"] == "held"
    await house.get(Journal).decide(str(run["id"]), "rejected", decider)
    rejected, ignored = await audit.entries(house.db, limit=2)
    assert (ignored.action, ignored.subject, ignored.reason) == ("isapi.quarantine.ignored", entry.id, "known at HR")
    assert ignored.after["rule"] == "unknown_organisation"
    assert (rejected.action, rejected.subject) == ("isapi.run.rejected", str(run["id"]))
