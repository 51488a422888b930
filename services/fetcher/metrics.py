"""What the fetcher shows, by source: calls and their outcomes, waits, what it published."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client.metrics_core import Metric

from services.fetcher.counts import OUTCOMES, Counts, SourceCounts
from shared.metrics import Metrics, counter, gauge, histogram


def export(metrics: Metrics, counts: Counts) -> None:
    """Show the numbers that the fetcher keeps."""

    def of_each(value: Callable[[SourceCounts], float]) -> dict[str, float]:
        return {name: value(source) for name, source in dict(counts.by_source).items()}

    def collect() -> Iterator[Metric]:
        sources = dict(counts.by_source)
        yield counter(
            "upstream_calls",
            "Calls by source and outcome, after all attempts: ok, throttled (429), error (no "
            "answer, 5xx), malformed (not what is documented), denied (401, 403: key or "
            "firewall), resting (not asked: its circuit is open).",
            {(name, o): source.calls[o] for name, source in sources.items() for o in OUTCOMES},
            "source", "outcome",
        )  # fmt: skip
        yield histogram(
            "upstream_request_duration_seconds",
            "Attempts by source, from request to the body's end.",
            {name: source.attempt_s for name, source in sources.items()}, "source",
        )  # fmt: skip
        yield counter(
            "upstream_budget_waits", "Attempts that waited for the shared call budget, by source.",
            of_each(lambda source: source.budget_waits), "source",
        )  # fmt: skip
        yield counter(
            "upstream_wait_seconds", "Time that attempts waited for budget and holds, by source.",
            of_each(lambda source: source.budget_wait_s), "source",
        )  # fmt: skip
        yield counter(
            "upstream_holds", "Times that a source told us to wait, or denied us.",
            of_each(lambda source: source.holds), "source",
        )  # fmt: skip
        yield counter(
            "upstream_held_waits", "Attempts that waited because of that, by source.",
            of_each(lambda source: source.held_waits), "source",
        )  # fmt: skip
        yield gauge(
            "upstream_circuit_open", "1: a source failed so often that it is left alone.",
            of_each(lambda source: source.circuit_open), "source",
        )  # fmt: skip
        yield counter(
            "upstream_records_refused", "Records of answers left out, by source and reason.",
            {(n, why): k for n, s in sources.items() for why, k in dict(s.refused).items()},
            "source", "reason",
        )  # fmt: skip
        yield counter(
            "fetcher_readings", "Token readings published, by source.",
            of_each(lambda source: source.readings), "source",
        )  # fmt: skip
        yield counter(
            "fetcher_unheard_messages",
            "Messages published that no aggregator received, by source.",
            of_each(lambda source: source.unheard), "source",
        )  # fmt: skip
        yield gauge(
            "upstream_last_success_timestamp_seconds",
            "Unix time of a source's last call that gave data; 0: none yet.",
            of_each(lambda source: source.last_ok_s), "source",
        )  # fmt: skip

    metrics.add(collect)
