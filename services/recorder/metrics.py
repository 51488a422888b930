"""What the recorder shows: whether it writes, how far it is, and how much is kept."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

from prometheus_client.metrics_core import Metric

from services.recorder.recorder import Recorder
from shared.process.metrics import Metrics, counter, gauge, histogram

_STATES = ("starting", "idle", "recording", "behind")


def export(metrics: Metrics, recorder: Recorder) -> None:
    """Show the numbers that the recorder keeps; its copy of the state changes with each term."""
    counts = recorder.counts

    def collect() -> Iterator[Metric]:
        yield gauge(
            "history_state",
            "1 for what the recorder does: starting, idle (another one leads), recording, behind "
            "(the database takes nothing).",
            {state: counts.state == state for state in _STATES},
            "state",
        )
        yield gauge(
            "history_position_age_seconds",
            "Age of what is written, as the recorder that leads knows it.",
            max(0.0, time.time() - counts.at_ms / 1000) if counts.at_ms else math.inf,
        )
        yield counter("history_looks", "Looks at tokens that were folded.", counts.looks)
        yield counter("history_writes", "Transactions: ok, failed.", counts.writes, "result")
        yield histogram("history_write_duration_seconds", "Transactions.", counts.write_s)
        yield counter(
            "history_candles_written", "Candles written, or added to, by length.",
            counts.candles, "tier",
        )  # fmt: skip
        yield counter(
            "history_candles_removed", "Candles removed for their age or for want of room.",
            counts.removed, "tier",
        )  # fmt: skip
        yield gauge(
            "history_waiting_candles", "Candles that wait to be written.",
            recorder.recording.waiting,
        )  # fmt: skip
        yield counter(
            "history_shed", "Times that the oldest waiting candles were left out, by length.",
            counts.shed, "tier",
        )  # fmt: skip
        yield counter(
            "history_outages", "Outages noted, by source; pipeline: of everything.",
            counts.outages, "source",
        )  # fmt: skip
        yield counter("history_takeovers", "Times that this recorder began.", counts.takeovers)
        yield gauge("history_bytes", "What the database takes.", counts.bytes)
        yield gauge("history_rows", "Candles kept, by length.", counts.rows, "tier")

    metrics.add(collect)
