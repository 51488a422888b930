"""What the aggregator has done since it began, as plain numbers. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal

from redis.exceptions import OutOfMemoryError

from services.aggregator.commit import Item
from shared.errors import Diverged, Fenced
from shared.process.measure import SIZES, STAGE_S, WORK_S, Histogram, ServerLoad

Outcome = Literal["ok", "full", "fenced", "diverged", "error"]
_NO_LEVEL: Final = "-"
OUTCOMES: Final[tuple[Outcome, ...]] = ("ok", "full", "fenced", "diverged", "error")


@dataclass(slots=True)
class AggregatorCounts:
    """Histograms are in seconds."""

    takeovers: int = 0
    epochs: int = 0
    terms_failed: int = 0
    windows: int = 0
    log_entries: int = 0
    backlog: int = 0  # bytes that are published and not read yet
    store: ServerLoad = field(default_factory=ServerLoad)
    commits: Counter[Outcome] = field(default_factory=Counter)
    alerts: Counter[tuple[str, str]] = field(default_factory=Counter)  # (type, level)
    window_s: Histogram = field(default_factory=lambda: Histogram(WORK_S))
    merge_s: Histogram = field(default_factory=lambda: Histogram(WORK_S))
    commit_s: Histogram = field(default_factory=lambda: Histogram(WORK_S))
    # From the moment a message was received until its readings were in a commit.
    window_wait_s: Histogram = field(default_factory=lambda: Histogram(STAGE_S))
    commit_tokens: Histogram = field(default_factory=lambda: Histogram(SIZES))

    def window_closed(self, seconds: float, merging_s: float) -> None:
        """Note a window whose commits are written."""
        self.windows += 1
        self.window_s.observe(seconds)
        self.merge_s.observe(merging_s)

    def committed(self, items: Iterable[Item], seconds: float) -> None:
        """Note a commit that the store took."""
        tokens = 0
        for item in items:
            tokens += 1
            self.alerts.update((milestone, _NO_LEVEL) for milestone in item.milestones)
            self.alerts.update((crossing.type, str(crossing.level)) for crossing in item.crossings)
        self.commits["ok"] += 1
        self.commit_s.observe(seconds)
        self.commit_tokens.observe(tokens)

    def refused(self, error: Exception) -> None:
        """Note a commit that the store did not take, or of which it is not known."""
        self.commits[_outcome(error)] += 1


def _outcome(error: Exception) -> Outcome:
    if isinstance(error, Fenced):
        return "fenced"
    if isinstance(error, Diverged):
        return "diverged"
    return "full" if isinstance(error, OutOfMemoryError) else "error"
