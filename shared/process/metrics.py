"""What a process exports to Prometheus: numbers that its parts keep anyway, read at each scrape.

Nothing here is called on a hot path. A part registers a function that yields families; it runs on
the metrics server's thread, so it reads numbers and copies containers in one step (`dict(counts)`),
and never iterates over what the loop changes. Names follow docs/METRICS.md. No label may take its
value from a token, an address or a client: a family must not grow with its users.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import version
from itertools import accumulate
from typing import Any, Final

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from shared.process.loop_watch import LoopWatch
from shared.process.measure import Histogram
from shared.redis.faults import KINDS, faults

PREFIX: Final = "dexwire_"
Labels = tuple[str, ...]
Values = float | Mapping[Any, float]  # by the one label's value, or by the tuple of all labels'
Collect = Callable[[], Iterable[Metric]]


class Metrics:
    """The registry of one process, and the watch over its loop."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.loop = LoopWatch()
        self.stages: dict[str, Histogram] = {}  # of a figure's way; this process sees some
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self.add(self._common)

    def add(self, collect: Collect) -> None:
        """Ask this function at each scrape, on the metrics server's thread."""
        self.registry.register(_Calls(collect))

    def _common(self) -> Iterator[Metric]:
        yield histogram(
            "stage_duration_seconds",
            "A figure's way by stage: received (seen at its source until at the aggregator), "
            "committed (received until in a commit), heard (committed until applied here), sent "
            "(applied until written to every client).",
            self.stages,
            "stage",
        )
        yield counter(
            "redis_errors",
            "What went wrong at Redis, by kind: connect, lost, timeout, refused (answered by an "
            "error).",
            {kind: faults[kind] for kind in KINDS},
            "kind",
        )
        build = {"version": version("dexwire"), "python": platform.python_version()}
        yield InfoMetricFamily(
            f"{PREFIX}build", "Which version of what runs here.", {"service": self.service, **build}
        )
        yield histogram("event_loop_lag_seconds", "How late the event loop woke.", self.loop.lags)
        yield gauge(
            "event_loop_lag_worst_seconds",
            "The longest such delay of the last minute, the present one included.",
            self.loop.worst_s(),
        )


class _Calls(Collector):
    """A collector that is a function."""

    def __init__(self, collect: Collect) -> None:
        self._collect = collect

    def collect(self) -> Iterable[Metric]:
        return self._collect()

    def describe(self) -> Iterable[Metric]:
        return ()  # or registering would collect, from parts that are not there yet


def counter(name: str, help_: str, values: Values, *labels: str) -> Metric:
    """Return a counter; `name` without prefix and `_total`. Values by label, or by label tuple."""
    family = CounterMetricFamily(PREFIX + name, help_, labels=labels)
    for key, value in _samples(values):
        family.add_metric(key, value)
    return family


def gauge(name: str, help_: str, values: Values, *labels: str) -> Metric:
    """Return a gauge; values by label, or by label tuple."""
    family = GaugeMetricFamily(PREFIX + name, help_, labels=labels)
    for key, value in _samples(values):
        family.add_metric(key, value)
    return family


def histogram(
    name: str,
    help_: str,
    values: Histogram | Mapping[Any, Histogram],
    *labels: str,
) -> Metric:
    """Return a histogram; values by label, or by label tuple."""
    family = HistogramMetricFamily(PREFIX + name, help_, labels=labels)
    found = {(): values} if isinstance(values, Histogram) else dict(values)
    for key, one in found.items():
        bounds = [*map(floatToGoString, one.bounds), "+Inf"]
        buckets = list(zip(bounds, accumulate(tuple(one.counts)), strict=True))
        family.add_metric(key if isinstance(key, tuple) else (key,), buckets, one.sum)
    return family


def _samples(values: Values) -> Iterator[tuple[Labels, float]]:
    if isinstance(values, Mapping):
        for key, value in dict(values).items():
            yield (key if isinstance(key, tuple) else (key,)), value
    else:
        yield (), values
