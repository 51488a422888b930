"""What a follower of the state (api, ws, every aggregator) shows of its copy."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

from prometheus_client.metrics_core import Metric

from shared.process.metrics import Metrics, counter, gauge
from shared.state.feed import Feed


def export_feed(metrics: Metrics, feed: Feed) -> None:
    """Show how old and how complete the copy is, and how often it had to be mended."""
    metrics.stages["heard"] = feed.followed.commit_age
    epoch, since_s = "", time.monotonic()

    def collect() -> Iterator[Metric]:
        nonlocal epoch, since_s
        replica, followed = feed.replica, feed.followed
        if replica.epoch != epoch:
            epoch, since_s = replica.epoch, time.monotonic()
        committed_s = replica.committed_ms / 1000
        yield gauge("replica_tokens", "Rows of the copy.", len(replica.rows))
        yield gauge("replica_version", "Version of the copy.", replica.version)
        yield gauge(
            "replica_loaded", "1: the copy is one exact and complete state.",
            feed.complete,
        )  # fmt: skip
        yield gauge(
            "replica_commit_age_seconds", "Age of the newest commit in the copy.",
            max(0.0, time.time() - committed_s) if committed_s else math.inf,
        )  # fmt: skip
        yield gauge(
            "replica_silence_seconds", "Since the last commit or heartbeat was received.",
            feed.silent_s,
        )  # fmt: skip
        yield gauge(
            "replica_epoch_age_seconds", "Since this process first showed the present epoch.",
            time.monotonic() - since_s,
        )  # fmt: skip
        yield counter("replica_gaps_filled", "Gaps closed from the log.", followed.fills)
        yield counter("replica_loads", "Loads of the whole state.", followed.loads)
        yield counter(
            "replica_divergences", "Commits that did not follow, digests that differed.",
            followed.divergences,
        )  # fmt: skip
        yield counter("replica_losses", "Losses of the subscription.", followed.losses)

    metrics.add(collect)
