"""`GET /discover`: parsing, caching, conditional requests."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Final

from starlette.types import Receive, Scope, Send

from services.api.counts import ApiCounts
from services.api.discover.cache import VersionCache
from services.api.discover.pages import Pages
from services.api.discover.query import DiscoverQuery, parse_discover
from services.api.formats import wanted_format
from services.api.live import Live, Stamp
from shared.edge.http.answer import Answer, TaggedAnswer
from shared.edge.http.storage import storage
from shared.edge.http.visitors import for_free
from shared.process.flights import Flights

_MEMO_MAX_BYTES: Final = 200  # of a query string that is worth remembering
_ANSWER_S: Final = 1.3  # for all that one page asks of the store, one after the other
_parse_memo = lru_cache(1024)(parse_discover)


class Discover:
    """The endpoint. Pages of the live order are cached for as long as the state stays the same."""

    def __init__(
        self,
        live: Live,
        pages: Pages,
        counts: ApiCounts | None = None,
        *,
        address_of: Callable[[Scope], str] = lambda _: "",
        paying: Callable[[Scope], AbstractContextManager[None]] = for_free,
        sparks_revision: Callable[[], int] = lambda: 0,
    ) -> None:
        self._counts = counts or ApiCounts()
        self._address_of = address_of
        self._paying = paying
        self._live = live
        self._pages = pages
        self._sparks_revision = sparks_revision
        self._cache: VersionCache[DiscoverQuery | tuple[DiscoverQuery, int], TaggedAnswer] = (
            VersionCache()
        )
        self._flights: Flights[tuple[DiscoverQuery, Stamp | None], TaggedAnswer] = Flights()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer. Raises Problem."""
        query = _parse(scope)
        if query.cursor is not None:
            async with storage(_ANSWER_S):
                page = await self._pages.next_page(
                    query, self._address_of(scope), lambda: self._paying(scope)
                )
        else:
            page = await self._live_page(query, scope)
        await page.for_request(scope)(scope, receive, send)

    def cached(self, scope: Scope) -> Answer | None:
        """Return a finished answer if there is one; the middleware calls this first.

        Raises Problem.
        """
        page = self._cache.get(self._live.stamp, self._key(_parse(scope)))
        if page is None:
            return None
        self._counts.cache_hits += 1
        return page.for_request(scope)

    def _key(self, query: DiscoverQuery) -> DiscoverQuery | tuple[DiscoverQuery, int]:
        """Return what a page is cached by: sparklines change while the state stays the same."""
        return (query, self._sparks_revision()) if query.spark else query

    async def _live_page(self, query: DiscoverQuery, scope: Scope) -> TaggedAnswer:
        requested_at = self._live.stamp
        key = self._key(query)
        page = self._cache.get(requested_at, key)
        if page is not None:
            self._counts.cache_hits += 1
            return page
        self._counts.cache_misses += 1

        async def read() -> TaggedAnswer:
            self._counts.page_reads += 1
            async with storage(_ANSWER_S):
                read_at, made = await self._pages.live_page(query, lambda: self._paying(scope))
            self._cache.put(key, made, requested_at=requested_at, read_at=read_at)
            return made

        return await self._flights.share((query, requested_at), read)


def _parse(scope: Scope) -> DiscoverQuery:
    query_string, wanted = scope["query_string"], wanted_format(scope["headers"])
    if len(query_string) > _MEMO_MAX_BYTES:
        return parse_discover(query_string, wanted)
    return _parse_memo(query_string, wanted)
