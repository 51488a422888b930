"""What every service that answers HTTP shows: requests by route, refusals."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.metrics_core import Metric

from shared.edge.http.counts import HttpCounts
from shared.process.metrics import Metrics, counter, gauge, histogram


def export_http(metrics: Metrics, counts: HttpCounts) -> None:
    """Show the numbers that the middleware keeps."""

    def collect() -> Iterator[Metric]:
        yield histogram(
            "http_request_duration_seconds",
            "Requests by route and class of status, from headers to the answer's last byte; none: "
            "the client left before there was one.",
            counts.requests,
            "route",
            "status",
        )
        yield gauge("http_requests_in_flight", "Requests under way.", counts.inflight)
        yield counter(
            "http_problems",
            "Errors answered, by code (docs/HTTP.md): rate and overloaded are limits.",
            counts.problems,
            "code",
        )

    metrics.add(collect)
