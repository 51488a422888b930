"""When to come back, as data: handshake answers, delays. Pure."""

from __future__ import annotations

import random
from typing import Final

from dexwire.stream.limits import SILENT_BEATS

BASE_S: Final = 0.25
CAP_S: Final = 20.0
HEALTHY_S: Final = 10.0  # a connection that lasted this long resets the delays
SILENCE_CAP_S: Final = 30.0
LONGEST_S: Final = 3600.0  # whatever a server says
_TURNED_AWAY: Final = frozenset({408, 425, 429})  # may be different next time, as 5xx may


def final_status(status: int) -> bool:
    """Return whether a handshake that was answered with this HTTP status is not worth repeating."""
    return 400 <= status < 500 and status not in _TURNED_AWAY


def silence_s(hb_ms: int, silent_before: int) -> float:
    """Return how long no frame may come before the connection counts as dead.

    Each connection in a row that ended in silence is waited for twice as long: on a line too slow
    for a part of a snapshot in three heartbeats, there would never be one.
    """
    return min(SILENCE_CAP_S, SILENT_BEATS * hb_ms / 1000 * 2.0 ** min(silent_before, 10))


class Backoff:
    """Full jitter: between 0 and a bound that doubles up to CAP_S."""

    def __init__(self, chance: random.Random | None = None) -> None:
        self._chance = chance or random.Random()
        self._failures = 0
        self._range_s: tuple[float, float] | None = None
        self._least_s = 0.0

    def lasted(self, seconds: float) -> None:
        """Note how long the connection lasted."""
        if seconds >= HEALTHY_S:
            self._failures = 0

    def set_range(self, retry_ms: tuple[int, int]) -> None:
        """Note the range that a `bye` requests; it counts once."""
        low, high = sorted((max(0, retry_ms[0]) / 1000, max(0, retry_ms[1]) / 1000))
        self._range_s = (min(LONGEST_S, low), min(LONGEST_S, high))

    def at_least(self, seconds: float) -> None:
        """Note a `Retry-After`; it counts once."""
        self._least_s = min(LONGEST_S, max(0.0, seconds))

    def next_s(self) -> float:
        """Return how long to wait now."""
        bound = min(CAP_S, BASE_S * 2.0 ** min(self._failures, 20))
        low, high = self._range_s or (0.0, bound)
        least, self._range_s, self._least_s = self._least_s, None, 0.0
        self._failures += 1
        return least + self._chance.uniform(low, high)
