"""The store's clock: one for all processes, however wrong a machine's own may be."""

from __future__ import annotations

import time


class StoreClock:
    """Unix milliseconds by the store's clock, moved on by this process's monotonic one."""

    def __init__(self) -> None:
        self._offset_ms = time.time() * 1000 - time.monotonic() * 1000

    def set(self, store_ms: int) -> None:
        """Take over what the store has just reported."""
        self._offset_ms = store_ms - time.monotonic() * 1000

    def now_ms(self) -> int:
        """Return the store's present time."""
        return int(time.monotonic() * 1000 + self._offset_ms)
