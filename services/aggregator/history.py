"""How far back the store remembers: what the log keeps, and which removals are still sent. Pure."""

from __future__ import annotations

from collections import deque
from typing import Final

from shared.keys import GONE_KEEP_MS, LOG_MAX_ENTRIES

LOG_MAX_BYTES: Final = 64 << 20
_SAMPLE_MS: Final = 5_000


class LogHistory:
    """Bounds of the log (entries and bytes) and the removal horizon (time), by version."""

    def __init__(self, horizon: int = 0) -> None:
        self.horizon = horizon  # removals at or below this version may be forgotten
        self._sizes: deque[tuple[int, int]] = deque()  # (version, bytes) of what the log holds
        self._bytes = 0
        self._from = 0  # the oldest version within the bound of bytes; 0: all of them
        self._samples: deque[tuple[int, int]] = deque()  # (ms, version at that time)

    def log_from(self, version: int, size: int) -> int:
        """Note a commit that is about to be logged; return the oldest version to keep."""
        self._sizes.append((version, size))
        self._bytes += size
        while len(self._sizes) > LOG_MAX_ENTRIES or (
            self._bytes > LOG_MAX_BYTES and len(self._sizes) > 1
        ):
            self._bytes -= self._sizes.popleft()[1]
            self._from = self._sizes[0][0]
        return max(self._from, version - LOG_MAX_ENTRIES + 1)

    def tick(self, version: int, now_ms: int) -> None:
        """Note the version of a time; move the horizon to what is older than GONE_KEEP_MS."""
        if not self._samples or now_ms - self._samples[-1][0] >= _SAMPLE_MS:
            self._samples.append((now_ms, version))
        while self._samples and self._samples[0][0] <= now_ms - GONE_KEEP_MS:
            self.horizon = max(self.horizon, self._samples.popleft()[1])
