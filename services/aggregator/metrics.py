"""What the aggregator shows: readings in, commits out, whether it leads, how full the store is."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.metrics_core import Metric

from services.aggregator.context import AggregatorContext
from services.aggregator.counts import OUTCOMES, AggregatorCounts
from services.aggregator.leader import Leader
from shared.process.measure import ServerLoad
from shared.process.metrics import Metrics, counter, gauge, histogram
from shared.state.feed_metrics import export_feed


def export(metrics: Metrics, leader: Leader, context: AggregatorContext) -> None:
    """Show the numbers that these parts keep."""
    counts, intake, memory = context.counts, context.intake, context.memory
    metrics.stages |= {"received": intake.age, "committed": counts.window_wait_s}
    export_feed(metrics, context.feed)

    def collect() -> Iterator[Metric]:
        yield gauge("aggregator_active", "1: holds the lease and writes.", leader.leading)
        yield counter("aggregator_takeovers", "Times it took the lease over.", counts.takeovers)
        yield counter(
            "aggregator_terms_failed", "Terms that ended by an error.", counts.terms_failed
        )
        yield counter("aggregator_epochs", "Epochs that it began.", counts.epochs)
        yield counter(
            "aggregator_readings", "Readings taken in, by source; every producer is `ingest`.",
            intake.sources, "source",
        )  # fmt: skip
        yield counter(
            "aggregator_dropped", "Messages and readings dropped, by reason.",
            intake.dropped, "reason",
        )  # fmt: skip
        yield counter(
            "aggregator_made_room", "Tokens of producers that were removed for others.",
            memory.made_room,
        )  # fmt: skip
        yield gauge("aggregator_tokens", "Tokens of which it holds readings.", len(memory))
        yield gauge(
            "aggregator_backlog_bytes",
            "Readings that are published and not read yet, as the active one last saw it.",
            counts.backlog if leader.leading else 0,
        )
        yield gauge(
            "aggregator_waiting_batches", "Batches whose producers wait for their commit.",
            len(intake.waiting),
        )  # fmt: skip
        yield from _of_windows(counts)
        yield from _of_store(counts.store)

    metrics.add(collect)


def _of_windows(counts: AggregatorCounts) -> Iterator[Metric]:
    """Show what was merged and committed."""
    yield counter("aggregator_windows", "Windows that are committed.", counts.windows)
    yield histogram(
        "aggregator_window_duration_seconds",
        "From a window's end until all of it was committed: the lag that it adds.",
        counts.window_s,
    )
    yield histogram(
        "aggregator_merge_duration_seconds", "Merging tokens, within that.", counts.merge_s
    )
    yield counter(
        "aggregator_commits",
        "Commits by outcome: ok, full (refused by a full store), fenced (another one leads), "
        "diverged (the store is at another version), error (not known).",
        {outcome: counts.commits[outcome] for outcome in OUTCOMES},
        "outcome",
    )
    yield histogram(
        "aggregator_commit_duration_seconds", "The store's answer to a commit.", counts.commit_s
    )
    yield histogram("aggregator_commit_tokens", "Tokens of a commit.", counts.commit_tokens)
    yield counter(
        "aggregator_alerts", "Alerts sent, by type and level.", counts.alerts, "type", "level"
    )
    yield gauge("aggregator_log_entries", "Commits that state:log keeps.", counts.log_entries)


def _of_store(load: ServerLoad) -> Iterator[Metric]:
    """Show how full and how busy the server is; only the active aggregator looks."""
    yield gauge("store_memory_bytes", "Memory that the store uses.", load.used_bytes)
    yield gauge(
        "store_memory_limit_bytes", "Memory that it may use; 0: no limit.", load.limit_bytes
    )
    yield counter(
        "store_evicted_keys",
        "Keys that the store removed for want of memory since it started; more than 0: rows are "
        "missing.",
        load.evicted_keys,
    )
    yield counter(
        "store_received_bytes", "Bytes that the store's clients sent to it.", load.received_bytes
    )
    yield counter("store_sent_bytes", "Bytes that the store sent to its clients.", load.sent_bytes)
