"""Plugins that run elsewhere: who may run while one is away, or of another version."""

from __future__ import annotations

from types import SimpleNamespace

from packaging.requirements import Requirement

from serai.hosting.remotes import Remote
from serai.hosting.states import Code

NEEDS = Requirement("isapi>=1.2")
DESK = SimpleNamespace(name="desk", version="1.0")


def isapi(**values: str) -> Remote:
    return Remote("isapi", "https://people.example", **{"trouble": "", **values})


def test_one_that_answers_with_a_version_that_fits_is_enough():
    assert isapi(version="1.2.3").unmet(NEEDS, DESK, serving=False) is None


def test_while_one_is_away_nobody_starts_and_nobody_stops():
    away = isapi(version="1.2.3", trouble="it cannot be reached")
    blocked = away.unmet(NEEDS, DESK, serving=False)
    assert blocked.code is Code.MISSING_REQUIREMENT
    assert blocked.sentence == "desk requires isapi, which runs at https://people.example: it cannot be reached"
    assert away.unmet(NEEDS, DESK, serving=True) is None


def test_another_version_stops_also_who_runs():
    blocked = isapi(version="1.1").unmet(NEEDS, DESK, serving=True)
    assert blocked.sentence == "desk 1.0 requires isapi>=1.2, at https://people.example runs isapi 1.1"
