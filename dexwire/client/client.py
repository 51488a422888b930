"""`Client`: everything that a program can request from a running dexwire."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, Literal, Self, Unpack
from urllib.parse import urlsplit, urlunsplit

from dexwire.client.api import Api, Page, Receipt
from dexwire.client.connection import OPEN_S
from dexwire.client.past import Candles, Interval, PastList, PastSort
from dexwire.client.ranking import Filters, PageFilters, Ranking
from dexwire.client.rows import QuotedRow
from dexwire.client.stream import Stream
from dexwire.client.view import View
from dexwire.stream.messages import PATH
from dexwire.stream.topics import Order, Sort, Window


def derive_ws_url(url: str) -> str:
    """Return where the stream is when only the api's address is known.

    Beside a named port, the next one (8000 → 8001); else the same host, as behind a proxy.
    Raises ValueError when it is no http address.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"not an http address: {url!r} (as in http://127.0.0.1:8000)")
    scheme = "ws" if parts.scheme == "http" else "wss"
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = "" if parts.port is None else f":{parts.port + 1}"
    return urlunsplit((scheme, host + port, PATH, "", ""))


class Client:
    """An async client; use it as `async with Client("http://127.0.0.1:8000") as c:`.

    Each stream and view has a connection of its own (the gateway allows 20 an address by default),
    which ends with it, with the client, or when nobody holds it any more.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        *,
        ws_url: str | None = None,
        key: str | None = None,
        timeout_s: float = OPEN_S,
    ) -> None:
        """`ws_url`: the stream's address, else derived; `key`: `<id>.<secret>` for `ingest`."""
        self.url = url
        self.ws_url = derive_ws_url(url) if ws_url is None else ws_url
        self._key = key
        self._timeout_s = timeout_s
        self._api = Api(url, timeout_s=timeout_s)
        self._open: weakref.WeakSet[Stream | View] = weakref.WeakSet()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End every stream and view, and close the connections."""
        await asyncio.gather(*(one.close() for one in list(self._open)))
        await self._api.close()

    # -- the stream -------------------------------------------------------------------------------
    def stream(
        self, *topics: str, watch: Iterable[str] = (), max_hz: float | None = None
    ) -> Stream:
        """Follow topics: `async for event in c.stream("all", "alerts"):`.

        Yields Snapshot, Diff, Alert, Gap and State. `watch` are the ids of the topic `tokens`,
        `max_hz` bounds the diffs a second.
        """
        stream = Stream(self.ws_url, topics, watch=watch, max_hz=max_hz, open_s=self._timeout_s)
        self._open.add(stream)
        return stream

    def view(
        self,
        *,
        sort: Sort = "volume",
        window: Window = "24h",
        order: Order = "desc",
        chain: str | None = None,
        limit: int = 50,
        **filters: Unpack[Filters],
    ) -> View:
        """Return a live, sorted list: `async for rows in c.view(sort="newest").changes():`.

        Without filters it follows the list topic; with them, everything of the chain (or of all
        chains), so that the result is exact. Raises ValueError, TypeError.
        """
        ranking = Ranking.of(
            sort=sort, window=window, order=order, chain=chain, limit=limit, filters=filters
        )
        view = View(self.ws_url, ranking, open_s=self._timeout_s)
        self._open.add(view)
        return view

    # -- HTTP -------------------------------------------------------------------------------------
    def discover(
        self,
        *,
        limit: int | None = None,
        sort: Sort | None = None,
        window: Window | None = None,
        order: Order | None = None,
        chain: str | None = None,
        quote: str | None = None,
        explain: bool = False,
        spark: bool = False,
        **filters: Unpack[PageFilters],
    ) -> AsyncIterator[QuotedRow]:
        """Iterate over a list, page by page; `limit` tokens, all of them without.

        No token comes twice and none that was there all the time is missed, however ranks change
        on the way. Raises Problem (410 `cursor_expired` when the walk was idle too long),
        Unreachable, Malformed.
        """
        given = {"sort": sort, "window": window, "order": order, "chain": chain, "quote": quote}
        given |= {"explain": "1" if explain else None, "spark": "24h" if spark else None}
        return self._walk({**given, **_named(filters)}, limit)

    async def _walk(
        self, given: Mapping[str, object], limit: int | None
    ) -> AsyncIterator[QuotedRow]:
        left = limit
        async for page in self._api.pages(given, limit):
            for row in page.tokens if left is None else page.tokens[:left]:
                yield row
            left = None if left is None else left - len(page.tokens)

    async def page(
        self,
        *,
        sort: Sort | None = None,
        window: Window | None = None,
        order: Order | None = None,
        chain: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        quote: str | None = None,
        explain: bool = False,
        spark: bool = False,
        **filters: Unpack[PageFilters],
    ) -> Page:
        """Return one page with the exact state (epoch, version) that it is of.

        `limit=0` counts: there is a `total` and no row. `spark`: with the last 24 hourly closes.
        """
        given = {"sort": sort, "window": window, "order": order, "chain": chain, "quote": quote}
        given |= {"explain": "1" if explain else None, "spark": "24h" if spark else None}
        more = {"limit": limit, "cursor": cursor, **_named(filters)}
        return await self._api.page({**given, **more}, Page)

    async def token(self, chain: str, address: str, *, quote: str | None = None) -> dict[str, Any]:
        """Return everything known of one token. Raises Problem: 404 `unknown_token`."""
        return await self._api.token(chain, address, quote)

    async def search(
        self,
        query: str,
        *,
        limit: int | None = None,
        window: Window | None = None,
        quote: str | None = None,
        **filters: Unpack[PageFilters],
    ) -> list[QuotedRow]:
        """Return tokens by address, ticker or name. Raises Problem."""
        given = {"limit": limit, "window": window, "quote": quote, **_named(filters)}
        return await self._api.search({**given, "q": query})

    async def candles(
        self,
        token_id: str,
        *,
        interval: Interval = "5m",
        from_ms: int | None = None,
        to_ms: int | None = None,
        limit: int = 300,
        fill: Literal["previous"] | None = None,
    ) -> Candles:
        """Return candles of a token (`solana:…`): the newest `limit` before `to_ms`, oldest first.

        Made of samples of the committed price; `.to_polars()` and `.to_pandas()` give frames.
        `limit` is 1 to 1000. Raises Problem: 503 `history_off`, `history_down`; ValueError.
        """
        given = {"interval": interval, "from": from_ms, "to": to_ms, "limit": limit, "fill": fill}
        return await self._api.candles(token_id, given)

    async def discover_at(
        self,
        at_ms: int,
        *,
        sort: PastSort | None = None,
        window: Window | None = None,
        order: Order | None = None,
        chain: str | None = None,
        limit: int | None = None,
    ) -> PastList:
        """Return the list as it was at a time, tokens that are gone since included.

        Raises Problem: 404 `not_recorded`, 503 `history_off`, `history_down`.
        """
        given = {"sort": sort, "window": window, "order": order, "chain": chain, "limit": limit}
        return await self._api.discover_at({"at_ms": at_ms, **given})

    async def health(self) -> dict[str, Any]:
        """Return what `/health` says, whatever its status."""
        return await self._api.health()

    async def ingest(
        self,
        tokens: Iterable[Mapping[str, object]],
        *,
        source: str,
        key: str | None = None,
        ack: Literal["commit"] | None = None,
        idempotency_key: str | None = None,
    ) -> Receipt:
        """Post readings: `[{"token_address": "…", "chain": "solana", "price": 1.2}]`.

        With `ack="commit"` it returns once they are in a committed version. Raises Problem: 504
        `outcome_unknown` (repeat it with `idempotency_key` set to its `members["batch_id"]`), 422
        `none_accepted` (its `members["rejected"]` says why), 401, 403, 429, 503.
        """
        return await self._api.ingest(
            tokens,
            source=source,
            key=key or self._key,
            ack=ack == "commit",
            idempotency_key=idempotency_key,
        )


def _named(filters: PageFilters) -> dict[str, object]:
    """Return filters by the api's names: `not` cannot be the name of an argument."""
    return {name.removesuffix("_"): value for name, value in filters.items()}
