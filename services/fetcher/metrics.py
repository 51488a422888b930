"""What the fetcher shows, by source: calls and their outcomes, waits, what it published."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from prometheus_client.metrics_core import Metric

from services.fetcher.counts import OUTCOMES, POSTS, FetcherCounts, SourceCounts
from services.fetcher.outbox import DROPPED
from shared.process.metrics import Metrics, counter, gauge, histogram


class _OfEach(NamedTuple):
    """A family that has one number of each source."""

    kind: Callable[..., Metric]
    name: str
    help_: str
    value: Callable[[SourceCounts], float]


_OF_EACH: Final = (
    _OfEach(
        counter,
        "upstream_budget_waits",
        "Attempts that waited for the shared call budget, by source.",
        lambda source: source.budget_waits,
    ),
    _OfEach(
        counter,
        "upstream_wait_seconds",
        "Time that attempts waited for budget and holds, by source.",
        lambda source: source.budget_wait_s,
    ),
    _OfEach(
        counter,
        "upstream_holds",
        "Times that a source made us wait, or denied us.",
        lambda source: source.holds,
    ),
    _OfEach(
        counter,
        "upstream_held_waits",
        "Attempts that waited because of that, by source.",
        lambda source: source.held_waits,
    ),
    _OfEach(
        gauge,
        "upstream_circuit_open",
        "1: a source failed so often that it is left alone.",
        lambda source: source.circuit_open,
    ),
    _OfEach(
        counter,
        "fetcher_readings",
        "Token readings published or posted, by source.",
        lambda source: source.readings,
    ),
    _OfEach(
        gauge,
        "fetcher_delivery_failing",
        "1: posts have failed for 3 s (FETCHER_DELIVERY=ingest), by source.",
        lambda source: source.delivery_failing,
    ),
    _OfEach(
        gauge,
        "fetcher_waiting_readings",
        "Readings that wait to be posted (FETCHER_DELIVERY=ingest), by source.",
        lambda source: source.waiting,
    ),
    _OfEach(
        counter,
        "fetcher_unheard_messages",
        "Messages published that no aggregator received, by source.",
        lambda source: source.unheard,
    ),
    _OfEach(
        counter,
        "fetcher_behind_seconds",
        "Time that messages waited because the aggregator was behind, by source.",
        lambda source: source.behind_s,
    ),
    _OfEach(
        gauge,
        "upstream_last_success_timestamp_seconds",
        "Unix time of a source's last call that gave data; 0: none yet.",
        lambda source: source.last_ok_s,
    ),
)


def export(metrics: Metrics, counts: FetcherCounts) -> None:
    """Show the numbers that the fetcher keeps."""

    def collect() -> Iterator[Metric]:
        sources = dict(counts.by_source)
        yield counter(
            "upstream_calls",
            "Calls by source and outcome, after all attempts: ok, throttled (429), error (no "
            "answer, 5xx), malformed (not what is documented), denied (401, 403: key or "
            "firewall), resting (not called: its circuit is open).",
            {(name, o): source.calls[o] for name, source in sources.items() for o in OUTCOMES},
            "source",
            "outcome",
        )
        yield histogram(
            "upstream_request_duration_seconds",
            "Attempts by source, from request to the body's end.",
            {name: source.attempt_s for name, source in sources.items()},
            "source",
        )
        yield counter(
            "upstream_records_refused",
            "Records left out, by source and reason; value_...: values, their record is kept.",
            {(n, why): k for n, s in sources.items() for why, k in dict(s.refused).items()},
            "source",
            "reason",
        )
        yield counter(
            "fetcher_posts",
            "Posts to the api (FETCHER_DELIVERY=ingest) by source and outcome: taken, failed (it "
            "is repeated), split (413: its halves are posted), refused.",
            {(name, o): source.posts[o] for name, source in sources.items() for o in POSTS},
            "source",
            "outcome",
        )
        yield counter(
            "fetcher_undelivered_readings",
            "Readings dropped before delivery (FETCHER_DELIVERY=ingest), by source and reason: "
            "superseded (a newer one of the token waits), overflow (too many tokens wait), "
            "too_large (for any post), refused (by the api).",
            {(n, why): s.undelivered[why] for n, s in sources.items() for why in DROPPED},
            "source",
            "reason",
        )
        for kind, name, help_, value in _OF_EACH:
            yield kind(name, help_, {n: value(s) for n, s in sources.items()}, "source")

    metrics.add(collect)
