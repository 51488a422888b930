"""Plain numbers that hot paths leave and `shared/process/metrics.py` reads at a scrape. Pure.

A number has one writer, the event loop's thread, so nothing is locked. A reader on another thread
may see a histogram between two of its three steps; the next reading is right again.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

# Upper bounds in seconds: from a cached page (30 us) to what nobody waits for any longer.
REQUEST_S: Final = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
)  # fmt: skip
WORK_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
STAGE_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0)
SIZES: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000)


class Histogram:
    """How often a value fell below each bound; 0.16 us a value, the library takes 0.93."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)  # the last: above every bound
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count one value; a bound counts what equals it."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLoad:
    """What a server says of itself; counts are since it started."""

    used_bytes: int = 0
    limit_bytes: int = 0  # 0: none
    evicted_keys: int = 0  # removed for want of memory
    received_bytes: int = 0
    sent_bytes: int = 0
