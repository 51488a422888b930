"""How readings reach the aggregator: published on `raw_tokens`, or posted to the api."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

from services.fetcher.counts import FetcherCounts
from services.fetcher.poster import Poster, open_post_client
from services.fetcher.publish import Publisher
from services.fetcher.settings import FetcherSettings
from services.fetcher.status import StatusBoard
from shared.keys import Keys
from shared.model import Reading
from shared.redis.connect import Redis


class Delivery(Protocol):
    """One way for readings to go."""

    async def deliver(self, source: str, readings: Sequence[Reading]) -> int:
        """Take readings of a source; return how many messages nobody received."""
        ...


@asynccontextmanager
async def open_delivery(
    settings: FetcherSettings,
    *,
    redis: Redis,
    keys: Keys,
    status: StatusBoard,
    counts: FetcherCounts,
) -> AsyncIterator[Delivery]:
    """Choose the way by FETCHER_DELIVERY. At the end what waits is posted once more."""
    names = tuple(counts.by_source)
    for name in names:
        status[name].delivers("")  # of another run, perhaps, which delivered the other way
    if settings.fetcher_delivery == "pubsub":
        yield Publisher(redis, keys, counts)
        return
    async with open_post_client() as client:
        poster = Poster(
            client,
            names,
            url=settings.fetcher_api_url,
            bearer=settings.bearer,
            status=status,
            counts=counts,
        )
        async with poster.running():
            yield poster
