"""What was served in the last minute, as one log line."""

from __future__ import annotations

from services.images.cache import ImageCache
from services.images.counts import ImageCounts
from shared.process.logs import get_logger
from shared.process.minutes import DeltaCounter

log = get_logger(__name__)


class ImageMinutes:
    """Writes the line; counts are of this process."""

    def __init__(self, counts: ImageCounts, cache: ImageCache) -> None:
        self._counts, self._cache = counts, cache
        self._since = DeltaCounter()

    def write(self) -> None:
        """Write what was served and fetched, and what is kept."""
        fetches = self._counts.fetches
        grown = self._since.last(
            served=self._counts.served.total() - self._counts.served["none"],
            none=self._counts.served["none"],
            fetched=fetches["ok"],
            failed=fetches.total() - fetches["ok"],
        )
        log.info(
            "images_served", served=grown["served"], none=grown["none"], fetched=grown["fetched"],
            failed=grown["failed"], images=self._cache.images, bytes=self._cache.size,
        )  # fmt: skip
