"""What was recorded in the last minute, as one log line."""

from __future__ import annotations

from services.recorder.counts import RecorderCounts
from shared.process.logs import get_logger
from shared.process.minutes import DeltaCounter

log = get_logger(__name__)


class RecorderMinutes:
    """Writes the line; counts are of this process."""

    def __init__(self, counts: RecorderCounts) -> None:
        self._counts = counts
        self._since = DeltaCounter()

    def write(self) -> None:
        """Write what was folded and written, and how much is kept."""
        counts = self._counts
        if counts.state == "idle":
            return
        grown = self._since.last(
            looks=counts.looks,
            candles=counts.candles.total(),
            writes=counts.writes["ok"],
            failed=counts.writes["failed"],
        )
        log.info(
            "history_written", looks=grown["looks"], candles=grown["candles"],
            writes=grown["writes"], failed=grown["failed"], bytes=counts.bytes,
        )  # fmt: skip
