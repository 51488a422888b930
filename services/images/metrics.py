"""What the image service shows: what was served, what was fetched, what is kept."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.metrics_core import Metric

from services.images.cache import ImageCache
from services.images.counts import ImageCounts
from services.images.pictures import Pictures
from services.images.workers import Workers
from shared.edge.http.metrics import export_http
from shared.process.metrics import Metrics, counter, gauge, histogram


def export(
    metrics: Metrics,
    counts: ImageCounts,
    cache: ImageCache,
    pictures: Pictures,
    workers: Workers,
) -> None:
    """Show the numbers that the parts keep."""
    export_http(metrics, counts)

    def collect() -> Iterator[Metric]:
        yield counter(
            "images_served",
            "Images requested of known tokens: cached, made (fetched or drawn for the request), "
            "pending (still under way after 3 s), none.",
            counts.served,
            "result",
        )
        yield counter(
            "images_fetches",
            "Images fetched: ok, or why there is none: bad_url, private_address, unreachable, "
            "status, redirects, type, encoding, too_large, timeout, not_decoded, too_costly, "
            "worker.",
            counts.fetches,
            "result",
        )
        yield histogram(
            "images_fetch_duration_seconds",
            "Images that were fetched, waiting and decoding included.",
            counts.fetch_s,
        )
        yield gauge("images_under_way", "Images being fetched or drawn.", pictures.under_way)
        yield gauge("images_cache_images", "Different images kept.", cache.images)
        yield gauge("images_cache_bytes", "Their size in whole blocks of a disk.", cache.size)
        yield counter("images_cache_evicted", "Images removed from the cache.", cache.evicted)
        yield counter("images_cache_errors", "What the cache's disk refused.", cache.errors)
        yield counter(
            "images_decoders_ended",
            "Decoding processes that had to be ended; one takes their place.",
            workers.ended,
        )

    metrics.add(collect)
