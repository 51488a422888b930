"""Whether the event loop turns: how late a short sleep wakes up.

Everything a process does runs on its loop, so whatever holds it up (a computation, a stopped
process, a machine without memory) is a delay for everybody. Readable from other threads, so that a
loop that stands still can be seen while it does.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Final

from shared.process.measure import WORK_S, Histogram

STUCK_S: Final = 1.0  # a loop later than this is not ready for more work
STUCK_KEPT_S: Final = 3.0  # and for so long afterwards, so that a probe now and then sees it
WORST_KEPT_S: Final = 60.0
_EVERY_S: Final = 0.05
_NOTED_S: Final = 0.02  # shorter delays are in the histogram only
_NOTES: Final = 2_000  # more than 60 s have ticks


class LoopWatch:
    """Measures the loop on which `run` is awaited; cancel it to end."""

    def __init__(self) -> None:
        self.lags = Histogram(WORK_S)
        self._due_s = float("inf")
        self._noted: deque[tuple[float, float]] = deque(maxlen=_NOTES)  # (when, how late)

    async def run(self) -> None:
        """Sleep a little, again and again, and note how late each sleep ends."""
        try:
            while True:
                self._due_s = time.monotonic() + _EVERY_S
                await asyncio.sleep(_EVERY_S)
                now_s = time.monotonic()
                late_s = max(0.0, now_s - self._due_s)
                self.lags.observe(late_s)
                if late_s >= _NOTED_S:
                    self._noted.append((now_s, late_s))
        finally:
            self._due_s = float("inf")

    @property
    def lag_s(self) -> float:
        """How late the loop is at this moment, 0 while it turns."""
        return max(0.0, time.monotonic() - self._due_s)

    def worst_s(self, within_s: float = WORST_KEPT_S) -> float:
        """Return the longest delay of the last seconds, at most 60, the present one included."""
        since = time.monotonic() - within_s
        noted = tuple(self._noted)  # one step, while the loop's thread may append
        return max(self.lag_s, *(late_s for at_s, late_s in noted if at_s >= since), 0.0)

    @property
    def stuck_s(self) -> float:
        """The delay for which this process is not ready, 0 when it is."""
        worst = self.worst_s(STUCK_KEPT_S)
        return worst if worst > STUCK_S else 0.0
