"""The store's clock: one for all processes, however wrong a machine's own may be."""

from __future__ import annotations

import time
from collections import deque
from typing import Final

_REPORTS: Final = 16  # of the last eight to sixteen seconds


class StoreClock:
    """Unix milliseconds by the store's clock, moved on by this process's monotonic one.

    A report can only come late: when we, the store or the leader stood still in between. So the
    latest time that the last reports allow is the right one. Readings would get too early a time of
    observation by a clock that is set back.
    """

    def __init__(self) -> None:
        self._offset_ms = time.time() * 1000 - time.monotonic() * 1000
        self._reported: deque[float] = deque(maxlen=_REPORTS)

    def set(self, store_ms: int) -> None:
        """Take in what the store has just reported, or the leader by the store's clock."""
        self._reported.append(store_ms - time.monotonic() * 1000)
        self._offset_ms = max(self._reported)

    def now_ms(self) -> int:
        """Return the store's present time."""
        return int(time.monotonic() * 1000 + self._offset_ms)
