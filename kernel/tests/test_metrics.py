"""Metrics, read back as Prometheus reads them."""

from __future__ import annotations

import io
import json
import logging

import pytest
from prometheus_client.parser import text_string_to_metric_families

from serai.telemetry import logs
from serai.telemetry.metrics import BOUNDS, Metrics

NAME = "serai_http_request_seconds"


def samples(metrics: Metrics) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """`{sample name: {labels: value}}`."""
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for family in text_string_to_metric_families(metrics.text().decode()):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found


def labels(**names: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(names.items()))


def test_requests_are_counted_by_route_and_status() -> None:
    metrics = Metrics()
    route = metrics.route("isapi", "/isapi/api/v1/employees/{id}", "GET")
    for seconds in (0.0005, 0.001, 0.3, 20.0):
        route.observe(200, seconds)
    route.observe(404, 0.02)
    metrics.route("outage", "/outage/", "GET").observe(200, 1.0)
    found = samples(metrics)
    of = {"plugin": "isapi", "route": "/isapi/api/v1/employees/{id}", "method": "GET"}
    assert found[f"{NAME}_count"] == {
        labels(**of, status="200"): 4.0,
        labels(**of, status="404"): 1.0,
        labels(plugin="outage", route="/outage/", method="GET", status="200"): 1.0,
    }
    assert found[f"{NAME}_sum"][labels(**of, status="200")] == pytest.approx(20.3015)
    buckets = [found[f"{NAME}_bucket"][labels(**of, status="200", le=str(bound))] for bound in BOUNDS]
    assert buckets == [2.0] * 8 + [3.0] * 4
    assert found[f"{NAME}_bucket"][labels(**of, status="200", le="+Inf")] == 4.0


def test_a_route_that_is_mounted_again_counts_on() -> None:
    metrics = Metrics()
    metrics.route("isapi", "/", "GET").observe(200, 0.1)
    metrics.route("isapi", "/", "GET").observe(200, 0.1)
    assert list(samples(metrics)[f"{NAME}_count"].values()) == [2.0]


def test_gauges_are_read_at_each_scrape() -> None:
    metrics = Metrics()
    states = [({"plugin": "isapi"}, 1.0)]
    metrics.gauge("serai_plugin_running", "Plugins that serve", lambda: states)
    assert samples(metrics)["serai_plugin_running"] == {labels(plugin="isapi"): 1.0}
    states.append(({"plugin": 'evil "name"\n'}, 0.0))
    assert samples(metrics)["serai_plugin_running"][labels(plugin='evil "name"\n')] == 0.0
    metrics.gauge("serai_plugin_running", "Plugins that serve", lambda: [({}, 3.0)])
    assert samples(metrics)["serai_plugin_running"] == {(): 3.0}


def test_a_gauge_that_fails_leaves_the_others() -> None:
    stream = io.StringIO()
    logs.configure("json", "info", stream)
    try:
        metrics = Metrics()
        metrics.gauge("serai_broken", "x", lambda: 1 / 0)  # type: ignore[arg-type,return-value]  # the error under test
        metrics.gauge("serai_jobs_running", "x", lambda: [({}, 2.0)])
        found = samples(metrics)
    finally:
        root = logging.getLogger()
        root.handlers[:] = [each for each in root.handlers if getattr(each, "stream", None) is not stream]
        logging.captureWarnings(False)
    assert found["serai_jobs_running"] == {(): 2.0}
    assert "serai_broken" not in found
    assert json.loads(stream.getvalue())["gauge"] == "serai_broken"


def test_the_process_itself_is_measured() -> None:
    assert samples(Metrics())["process_resident_memory_bytes"][()] > 0
