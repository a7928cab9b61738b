"""What holds for every test of the repository: in CI nothing is skipped."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Real parts that no machine has by itself."""
    parser.addoption("--oracle-dsn", metavar="USER/PASSWORD@ADDRESS", help="test ehr_oracle on this database too")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Make a skip a failure where `CI=true`; only the sample data, which is not ours to ship, may be missing."""
    report = yield
    skipped = report.skipped and not hasattr(report, "wasxfail")
    if skipped and os.environ.get("CI") == "true" and item.get_closest_marker("sample_data") is None:
        report.outcome = "failed"
        report.longrepr = f"CI=true forbids skips: {report.longrepr}"
    return report
