"""What the fetcher has done since it began, as plain numbers, by source. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from shared.errors import MalformedBody, Resting, SourceError, Throttled, Unavailable
from shared.process.measure import WORK_S, Histogram

Post = Literal["taken", "failed", "split", "refused"]
POSTS: Final[tuple[Post, ...]] = ("taken", "failed", "split", "refused")
Outcome = Literal["ok", "throttled", "error", "malformed", "denied", "resting"]
OUTCOMES: Final[tuple[Outcome, ...]] = (
    *("ok", "throttled", "error", "malformed", "denied", "resting"),
)


@dataclass(slots=True)
class SourceCounts:
    """Of one source."""

    calls: Counter[Outcome] = field(default_factory=Counter)
    attempt_s: Histogram = field(default_factory=lambda: Histogram(WORK_S))
    budget_waits: int = 0
    budget_wait_s: float = 0.0
    holds: int = 0  # times it made us wait
    held_waits: int = 0  # waits because of that
    refused: Counter[str] = field(default_factory=Counter)  # records, by reason
    circuit_open: bool = False
    readings: int = 0  # handed on to be delivered
    unheard: int = 0  # messages that nobody received
    behind_s: float = 0.0  # that messages waited because the aggregator was behind
    last_ok_s: float = 0.0  # Unix time
    # With FETCHER_DELIVERY=ingest:
    posts: Counter[Post] = field(default_factory=Counter)
    undelivered: Counter[str] = field(default_factory=Counter)  # readings, by reason
    waiting: int = 0  # readings
    delivery_failing: bool = False

    def waited(self, seconds: float, *, held: bool) -> None:
        """Note that an attempt has to wait for the budget, or for the end of a hold."""
        self.budget_waits += not held
        self.held_waits += held
        self.budget_wait_s += seconds

    def succeeded(self, now_ms: int, readings: int, refused: Mapping[str, int]) -> None:
        """Note a call that gave data."""
        self.calls["ok"] += 1
        self.readings += readings
        self.refused.update(refused)
        self.last_ok_s = now_ms / 1000

    def failed(self, error: SourceError) -> None:
        """Note a call that gave none, after all its attempts."""
        self.calls[_outcome(error)] += 1


class FetcherCounts:
    """Of all sources, each there from the start, so that a silent one shows as 0."""

    def __init__(self, sources: Iterable[str] = ()) -> None:
        self.by_source = {name: SourceCounts() for name in sources}

    def __getitem__(self, source: str) -> SourceCounts:
        return self.by_source.setdefault(source, SourceCounts())


def _outcome(error: SourceError) -> Outcome:
    if isinstance(error, Throttled):
        return "throttled"
    if isinstance(error, Resting):
        return "resting"
    if isinstance(error, Unavailable):
        return "error"
    return "malformed" if isinstance(error, MalformedBody) else "denied"
