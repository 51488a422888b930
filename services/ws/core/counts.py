"""What a gateway has sent its clients since it began, as plain numbers. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from shared.process.measure import STAGE_S, WORK_S, Histogram


@dataclass(slots=True)
class GatewayCounts:
    """`unsent_bytes` and `paused` are of the last look, once a second; so are the two sums."""

    opened: int = 0
    refused: Counter[str] = field(default_factory=Counter)  # handshakes, by HTTP status
    closed: Counter[str] = field(default_factory=Counter)  # by our close code; "peer": theirs
    writes: int = 0
    written_bytes: int = 0
    joined: int = 0  # messages that went out in the write of another
    folds: int = 0
    snapshots: int = 0
    unsent_bytes: int = 0
    paused: int = 0  # connections that read too slowly to be written to
    # From a commit's arrival until everybody was written to, in seconds.
    sent_s: Histogram = field(default_factory=lambda: Histogram(STAGE_S))
    sweep_s: Histogram = field(default_factory=lambda: Histogram(WORK_S))  # of it, the writing
