"""What the gateway shows: who is connected, what they are sent, how slowly they take it."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.metrics_core import Metric

from services.ws.gateway import Gateway
from shared.process.metrics import Metrics, counter, gauge, histogram
from shared.state.feed import Feed
from shared.state.feed_metrics import export_feed


def export(metrics: Metrics, gateway: Gateway, feed: Feed) -> None:
    """Show the numbers that the gateway keeps."""
    counts = gateway.hub.counts
    metrics.stages["sent"] = counts.sent_s
    export_feed(metrics, feed)

    def collect() -> Iterator[Metric]:
        yield gauge("ws_connections", "Open connections.", len(gateway.connections))
        yield gauge("ws_topics", "Topics with a listener, lists kept included.",
                    len(gateway.hub.rooms))  # fmt: skip
        yield counter("ws_connections_opened", "Handshakes that succeeded.", counts.opened)
        yield counter(
            "ws_handshakes_refused",
            "Handshakes refused, by HTTP status: 403 origin, 429 too many of an address, 503 full "
            "or stopping, 400, 404, 426 not a handshake.",
            counts.refused, "status",
        )  # fmt: skip
        yield counter(
            "ws_connections_closed",
            "Connections closed, by our close code (docs/STREAM.md); peer: by the client.",
            counts.closed, "code",
        )  # fmt: skip
        yield counter("ws_messages_sent", "Messages written.", counts.writes + counts.joined)
        yield counter(
            "ws_sent_bytes", "Bytes written, frame headers included.", counts.written_bytes
        )
        yield counter("ws_snapshots", "Snapshots sent.", counts.snapshots)
        yield counter(
            "ws_folds", "Times that a slow or resuming client got several commits as one.",
            counts.folds,
        )  # fmt: skip
        yield gauge("ws_unsent_bytes", "Written, not yet taken by the kernel.", counts.unsent_bytes)
        yield gauge(
            "ws_slow_connections", "Connections that read too slowly to be written to.",
            counts.paused,
        )  # fmt: skip
        yield histogram(
            "ws_fan_out_duration_seconds",
            "One round of writing to all connections.",
            counts.sweep_s,
        )

    metrics.add(collect)
