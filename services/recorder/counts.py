"""What the recorder has done since it began, as plain numbers. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from shared.process.measure import Histogram

WRITE_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
State: TypeAlias = Literal["starting", "idle", "recording", "behind", "off"]


@dataclass(slots=True)
class RecorderCounts:
    """Histograms are in seconds."""

    state: State = "starting"
    error: str = ""  # why nothing can be written now
    looks: int = 0
    writes: Counter[str] = field(default_factory=lambda: Counter({"ok": 0, "failed": 0}))
    write_s: Histogram = field(default_factory=lambda: Histogram(WRITE_S))
    candles: Counter[str] = field(default_factory=Counter)  # written, by tier
    shed: Counter[str] = field(default_factory=Counter)  # starts left out, by tier
    outages: Counter[str] = field(default_factory=Counter)
    takeovers: int = 0
    removed: Counter[str] = field(default_factory=Counter)  # candles past their time, by tier
    bytes: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    at_ms: int = 0  # up to where everything is written
