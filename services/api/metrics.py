"""What the api shows: requests, the page cache, ingest."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.metrics_core import Metric

from services.api.counts import ApiCounts
from shared.edge.http.metrics import export_http
from shared.process.metrics import Metrics, counter, histogram
from shared.state.feed import Feed
from shared.state.feed_metrics import export_feed


def export(metrics: Metrics, counts: ApiCounts, feed: Feed) -> None:
    """Show the numbers that the api keeps."""
    export_http(metrics, counts)
    export_feed(metrics, feed)

    def collect() -> Iterator[Metric]:
        yield counter(
            "page_cache_hits", "Pages answered from the cache of a version.", counts.cache_hits
        )
        yield counter("page_cache_misses", "Pages that were not in it.", counts.cache_misses)
        yield counter(
            "page_reads", "Reads made for them; several requests share one.", counts.page_reads
        )
        yield counter(
            "ingest_tokens",
            "Tokens posted: accepted, or the code they were rejected with.",
            counts.ingested,
            "result",
        )
        yield histogram(
            "ingest_commit_wait_seconds",
            "How long ack=commit waited for its commit, or in vain.",
            counts.ack_wait_s,
        )

    metrics.add(collect)
