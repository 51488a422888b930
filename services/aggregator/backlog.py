"""How far this aggregator has read `raw_tokens`: publishers may be ahead of that by a bound.

What a subscriber has not read waits in Redis, which ends the subscription past its own limit, and
then everything that waits is lost. So the scripts that publish count bytes, each message says where
it ends, and the active aggregator notes where it is (`shared/state/scripts/within.lua`).
"""

from __future__ import annotations

import time
from typing import Final

from services.aggregator.context import AggregatorContext
from shared.keys import TAKEN_MS

REPORT_S: Final = 0.05  # what comes in between is bounded too, so this bounds the rate: 80 MB/s
_AGAIN_S: Final = TAKEN_MS / 3_000


class BacklogReport:
    """Writes the position for one term, from the moment that the lease is taken."""

    def __init__(self, context: AggregatorContext, fence: str) -> None:
        self._context, self._fence = context, fence
        self._at: int | None = None
        self._written_s = 0.0

    async def write(self) -> None:
        """Write it when it has changed or grows old. Raises Fenced."""
        intake, counts = self._context.intake, self._context.counts
        at, now_s = intake.at, time.monotonic()
        if at is not None and at == self._at and now_s - self._written_s < _AGAIN_S:
            return
        most = self._context.settings.intake_backlog_bytes
        read, published = await self._context.store.taken(self._fence, at, most)
        counts.backlog = max(0, published - read)
        self._at, self._written_s = read, now_s
        # A subscription that was lost meanwhile begins at what is published by the next report.
        if at is None and intake.at is None:
            intake.at = read
