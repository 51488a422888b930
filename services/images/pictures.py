"""From what a row says to a picture: kept ones, ones under way, and ones that are made now."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from services.images.cache import ImageCache, hash_of
from services.images.counts import ImageCounts
from services.images.errors import NoImage
from services.images.failures import Failures
from services.images.fetch import Fetcher
from services.images.index import Named
from services.images.workers import Workers
from shared.edge.http.problem import Problem
from shared.process.flights import Flights
from shared.process.logs import get_logger

log = get_logger(__name__)

WAIT_S: Final = 3.0  # for a picture that is being made; proxies in front give up after 4 s
UNDER_WAY_MAX: Final = 512  # pictures being made at one time, those that wait for a turn included
_MADE_VERSION: Final = b"made-1:"  # the next one, when they are drawn in another way

Picture = tuple[str, bytes]  # the hash of the content, and WebP


class Pictures:
    """Gives pictures by the address that a row names, or by the token that one is drawn for."""

    def __init__(
        self,
        cache: ImageCache,
        fetcher: Fetcher,
        workers: Workers,
        counts: ImageCounts,
        *,
        keep_s: float,
        retry_s: float,
        wait_s: float = WAIT_S,
    ) -> None:
        """A kept picture older than `keep_s` is fetched again; a failure counts for `retry_s`."""
        self._cache, self._fetcher, self._workers = cache, fetcher, workers
        self._counts = counts
        self._keep_s, self._wait_s = keep_s, wait_s
        self._failures = Failures(retry_s)
        self._flights: Flights[str, Picture] = Flights()

    @property
    def under_way(self) -> int:
        """How many are being made."""
        return len(self._flights)

    async def close(self) -> None:
        """Leave what is being made."""
        await self._flights.end()

    async def fetched(self, address: str) -> Picture:
        """Return the picture of an address. Raises NoImage; Problem 503 when it is not there yet.

        An old one is given at once and fetched again behind it.
        """
        name = hash_of(address.encode())

        async def make() -> Picture:
            return await self._fetch(name, address)

        kept = await self._kept(name)
        if kept is None:
            return await self._wait_for(name, make)
        named, body = kept
        old = time.time() - named.stored_s > self._keep_s
        if old and self._failures.find(name, time.monotonic()) is None and self._has_room(name):
            self._flights.start(name, make)
        return named.content, body

    async def drawn(self, token_id: str) -> Picture:
        """Return the picture that is drawn for a token. Raises NoImage, Problem 503."""
        name = hash_of(_MADE_VERSION + token_id.encode())

        async def make() -> Picture:
            body = await self._workers.drawn(token_id)
            return (await self._cache.put(name, body)).content, body

        kept = await self._kept(name)
        return (kept[0].content, kept[1]) if kept else await self._wait_for(name, make)

    async def _kept(self, name: str) -> tuple[Named, bytes] | None:
        kept = await self._cache.find(name)
        if kept is not None:
            self._counts.served["cached"] += 1
        return kept

    async def _wait_for(self, name: str, make: Callable[[], Awaitable[Picture]]) -> Picture:
        """Share the making with all that wait for the same; it goes on when nobody does."""
        failed = self._failures.find(name, time.monotonic())
        if failed is not None:
            raise failed
        if not self._has_room(name):
            raise Problem(503, "overloaded", "too many images are being fetched", retry_after_s=2)
        try:
            async with asyncio.timeout(self._wait_s):
                picture = await self._flights.share(name, make)
        except TimeoutError:
            self._counts.served["pending"] += 1
            detail = "the image is being fetched; it is there in a moment"
            raise Problem(503, "pending", detail, retry_after_s=2) from None
        self._counts.served["made"] += 1
        return picture

    def _has_room(self, name: str) -> bool:
        return name in self._flights or len(self._flights) < UNDER_WAY_MAX

    async def _fetch(self, name: str, address: str) -> Picture:
        began_s = time.monotonic()
        try:
            body = await self._fetcher.fetch(address, self._workers.small)
        except NoImage as error:
            self._counts.fetches[error.reason] += 1
            if not error.ours:
                self._failures.put(name, error, time.monotonic())
            log.debug("image_failed", url=address, reason=error.reason, error=error.detail)
            raise
        self._counts.fetches["ok"] += 1
        self._counts.fetch_s.observe(time.monotonic() - began_s)
        return (await self._cache.put(name, body)).content, body
