"""What each source gave in the last minute, as one log line a source."""

from __future__ import annotations

from services.fetcher.counts import FetcherCounts
from shared.process.logs import get_logger
from shared.process.minutes import DeltaCounter

log = get_logger(__name__)


class PollCycles:
    """Writes the lines; `counts` are of this process."""

    def __init__(self, counts: FetcherCounts) -> None:
        self._counts = counts
        self._since: dict[str, DeltaCounter] = {}

    def write(self) -> None:
        """Write one line for each source, also for one that was not called."""
        for name, source in dict(self._counts.by_source).items():
            grown = self._since.setdefault(name, DeltaCounter()).last(
                calls=source.calls.total(),
                tokens=source.readings,
                errors=source.calls.total() - source.calls["ok"],
            )
            log.info(
                "poll_cycle", source=name, calls=grown["calls"], tokens=grown["tokens"],
                errors=grown["errors"],
            )  # fmt: skip
