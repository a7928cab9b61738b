"""Metrics: counted in plain numbers while requests run, put into Prometheus' text format when somebody asks."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from serai.telemetry import logs

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
BOUNDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Upper bounds of the buckets of request times, in seconds."""

Sample = tuple[Mapping[str, str], float]
"""Labels and value of one line."""

_log = logs.get(__name__)


class RouteMetrics:
    """The requests of one route: looked up once when the route is mounted, then only counted."""

    __slots__ = ("_cells",)

    def __init__(self) -> None:
        self._cells: dict[int, list[float]] = {}

    def observe(self, status: int, seconds: float) -> None:
        """Count one answered request."""
        cell = self._cells.get(status)
        if cell is None:
            cell = self._cells[status] = [0.0] * (len(BOUNDS) + 2)
        cell[bisect_left(BOUNDS, seconds)] += 1
        cell[-1] += seconds

    def totals(self) -> Iterable[tuple[int, list[tuple[str, float]], float]]:
        """For each status: `(upper bound, requests up to it)` and the sum of seconds."""
        for status, cell in sorted(self._cells.items()):
            count, buckets = 0.0, []
            for bound, requests in zip((*BOUNDS, float("inf")), cell, strict=False):
                count += requests
                buckets.append(("+Inf" if bound == float("inf") else str(bound), count))
            yield status, buckets, cell[-1]


class Metrics(Collector):
    """All metrics of one process."""

    def __init__(self) -> None:
        self._routes: dict[tuple[str, str, str], RouteMetrics] = {}
        self._gauges: dict[str, tuple[str, Callable[[], Iterable[Sample]]]] = {}
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def route(self, plugin: str, template: str, method: str) -> RouteMetrics:
        """The counters of one route; the same ones when a plugin is mounted again."""
        return self._routes.setdefault((plugin, template, method), RouteMetrics())

    def gauge(self, name: str, meaning: str, read: Callable[[], Iterable[Sample]]) -> None:
        """Register a value that `read` tells at every scrape: labels and value of each line.

        `name` has the prefix `serai_` and ends in its unit where it has one: `serai_data_age_seconds`. Registered
        again, it is replaced.
        """
        self._gauges[name] = (meaning, read)

    def text(self) -> bytes:
        """Everything in Prometheus' text format, of type `CONTENT_TYPE`."""
        return generate_latest(self._registry)

    def collect(self) -> Iterable[Metric]:
        """What prometheus-client asks for."""
        labels = ("plugin", "route", "method", "status")
        requests = HistogramMetricFamily("serai_http_request_seconds", "Time of answered requests", labels=labels)
        for (plugin, template, method), route in self._routes.items():
            for status, buckets, seconds in route.totals():
                requests.add_metric((plugin, template, method, str(status)), buckets, seconds)
        yield requests
        for name, (meaning, read) in self._gauges.items():
            gauge = GaugeMetricFamily(name, meaning)
            try:
                for sample_labels, value in read():
                    gauge.add_sample(name, dict(sample_labels), value)
            except Exception:  # noqa: BLE001  # one broken gauge must not hide the others
                _log.exception("a gauge could not be read", gauge=name)
                continue
            yield gauge
