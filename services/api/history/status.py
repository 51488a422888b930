"""The history in `/health`: whether it is kept, how far and how much is recorded."""

from __future__ import annotations

import time
from typing import Any, Final

from services.api.history.database import History
from shared.edge.http.problem import Problem
from shared.history.answers import BEHIND_MS

_WAIT_S: Final = 0.8  # as for the store
_KEEP_S: Final = 2.0


class HistoryStatusReader:
    """Reads it, at most every two seconds."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._read_at = float("-inf")
        self._shown: dict[str, Any] = {}

    async def read(self, now_ms: int) -> dict[str, Any]:
        """Return what is shown; it never fails and never waits long."""
        if time.monotonic() - self._read_at > _KEEP_S:
            self._shown = await self._read(now_ms)
            self._read_at = time.monotonic()
        return self._shown

    async def _read(self, now_ms: int) -> dict[str, Any]:
        if not self._history.on:
            return {"state": "off"}
        try:
            async with self._history.reading(_WAIT_S) as readers:
                status = await readers.reader.status()
        except Problem as problem:
            if self._shown and not self._history.why_down:  # it answers others: it is busy
                return self._shown
            return {"state": "down", "why": self._history.why_down or problem.detail}
        late_ms = now_ms - status.at_ms
        shown: dict[str, Any] = {"state": "ok"}
        if not status.at_ms:
            shown = {"state": "behind", "why": "nothing is recorded yet"}
        elif late_ms > BEHIND_MS:
            why = f"the recorder wrote last {late_ms / 1000:.0f} s ago"
            shown = {"state": "behind", "why": why}
        return shown | {
            "bytes": status.bytes,
            "rows": {name: tier.rows for name, tier in status.tiers.items()},
            "position": {
                "epoch": status.epoch,
                "version": status.version,
                "at_ms": status.at_ms,
            },
        }
