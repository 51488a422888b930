"""`dexwire.connect(url)`: the client for notebooks and scripts without `await`.

A background thread runs the asyncio client; calls wait for their answer there.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
import weakref
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Iterable,
    Iterator,
    Mapping,
)
from typing import Any, Final, Generic, Literal, Self, TypeVar, Unpack

from dexwire.client.api import Page, Receipt
from dexwire.client.client import Client
from dexwire.client.errors import ClientError, Unreachable
from dexwire.client.events import Event, State
from dexwire.client.past import Candles, Interval, PastList, PastSort
from dexwire.client.ranking import Filters, PageFilters
from dexwire.client.rows import QuotedRow
from dexwire.client.view import View
from dexwire.stream.rows import Row
from dexwire.stream.topics import Order, Sort, Window

T = TypeVar("T")
CLOSING_S: Final = 2.0  # a WebSocket's closing handshake has 1 s


class _Loop:
    """A thread with an event loop; it never keeps the interpreter from ending.

    `close` is awaited when it ends.
    """

    def __init__(self, close: Callable[[], Awaitable[None]]) -> None:
        self._close = close
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="dexwire", daemon=True)
        self._thread.start()

    def call(self, coroutine: Coroutine[Any, Any, T], timeout_s: float | None = None) -> T:
        """Run a coroutine there. Raises what it raises, TimeoutError, ClientError once closed."""
        if self.loop.is_closed() or not self._thread.is_alive():
            coroutine.close()
            raise ClientError("this client is closed")
        future = asyncio.run_coroutine_threadsafe(coroutine, self.loop)
        try:
            return future.result(timeout_s)
        except (concurrent.futures.TimeoutError, KeyboardInterrupt):
            future.cancel()
            raise

    def stop(self) -> None:
        """Ask the thread to end, without waiting: the garbage collector may call this anywhere."""
        with contextlib.suppress(RuntimeError):  # it has ended already
            self.loop.call_soon_threadsafe(self.loop.stop)

    def join(self) -> None:
        """Wait until the thread has ended."""
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()
        self.loop.run_until_complete(self._end())
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()

    async def _end(self) -> None:
        """Close the client; what is left (streams that nobody holds are closing) has a moment."""
        await self._close()
        for grace_s in (CLOSING_S, None):
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            if tasks:
                _, left = await asyncio.wait(tasks, timeout=grace_s)
                for task in left:
                    task.cancel()


class _Iterating(Generic[T]):
    """An async iterator of the other thread, one item at a time."""

    def __init__(self, owner: SyncClient | SyncView, loop: _Loop, items: AsyncIterator[T]) -> None:
        self._owner = owner  # a client that nobody holds is closed
        self._loop = loop
        self._items = items

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        try:
            return self._loop.call(self._step())
        except StopAsyncIteration:
            raise StopIteration from None

    async def _step(self) -> T:
        return await anext(self._items)


class SyncView:
    """A live list: `view.rows()` is it now; iterating waits for each change."""

    def __init__(self, client: SyncClient, loop: _Loop, view: View) -> None:
        self._client = client  # a client that nobody holds is closed: connect().view() is one line
        self._loop = loop
        self._view = view

    @property
    def state(self) -> State:
        """How the stream is doing."""
        return self._view.state

    def rows(self, timeout_s: float = 10.0) -> list[Row]:
        """Return the list as it is now, waiting for it the first time.

        Raises Unreachable when nothing has come in time, Refused.
        """
        try:
            return self._loop.call(self._rows(), timeout_s)
        except TimeoutError:
            why = self._view.state.error or self._view.state.status
            raise Unreachable(f"no list within {timeout_s:g} s: {why}") from None

    def __iter__(self) -> Iterator[list[Row]]:
        return _Iterating(self, self._loop, self._view.changes())

    def close(self) -> None:
        """End its connection."""
        self._loop.call(self._view.close())

    async def _rows(self) -> list[Row]:
        await self._view.ready()
        return self._view.rows


class SyncClient:
    """What `Client` does, without `await`. Close it, or use it in a `with`."""

    def __init__(self, url: str, *, ws_url: str | None, key: str | None, timeout_s: float) -> None:
        self._client = Client(url, ws_url=ws_url, key=key, timeout_s=timeout_s)
        self._loop = _Loop(self._client.close)
        self._finalizer = weakref.finalize(self, self._loop.stop)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End every stream and view and the thread; closing twice is no error."""
        if self._finalizer.alive:
            self._finalizer()
            self._loop.join()

    def stream(self, *topics: str, watch: Iterable[str] = ()) -> Iterator[Event]:
        """Iterate over the events of topics, as `Client.stream` does."""
        return _Iterating(self, self._loop, self._client.stream(*topics, watch=watch))

    def view(
        self,
        *,
        sort: Sort = "volume",
        window: Window = "24h",
        order: Order = "desc",
        chain: str | None = None,
        limit: int = 50,
        **filters: Unpack[Filters],
    ) -> SyncView:
        """Return a live, sorted list; it starts at once."""
        view = self._client.view(
            sort=sort, window=window, order=order, chain=chain, limit=limit, **filters
        )
        self._loop.call(view.__aenter__())
        return SyncView(self, self._loop, view)

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
    ) -> Iterator[QuotedRow]:
        """Iterate over a list, page by page."""
        walk = self._client.discover(
            limit=limit,
            sort=sort,
            window=window,
            order=order,
            chain=chain,
            quote=quote,
            explain=explain,
            spark=spark,
            **filters,
        )
        return _Iterating(self, self._loop, walk)

    def page(
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
        """Return one page."""
        return self._loop.call(
            self._client.page(
                sort=sort,
                window=window,
                order=order,
                chain=chain,
                limit=limit,
                cursor=cursor,
                quote=quote,
                explain=explain,
                spark=spark,
                **filters,
            )
        )

    def token(self, chain: str, address: str, *, quote: str | None = None) -> dict[str, Any]:
        """Return everything known of one token."""
        return self._loop.call(self._client.token(chain, address, quote=quote))

    def search(
        self,
        query: str,
        *,
        limit: int | None = None,
        window: Window | None = None,
        quote: str | None = None,
        **filters: Unpack[PageFilters],
    ) -> list[QuotedRow]:
        """Return tokens by address, ticker or name."""
        return self._loop.call(
            self._client.search(query, limit=limit, window=window, quote=quote, **filters)
        )

    def candles(
        self,
        token_id: str,
        *,
        interval: Interval = "5m",
        from_ms: int | None = None,
        to_ms: int | None = None,
        limit: int = 300,
        fill: Literal["previous"] | None = None,
    ) -> Candles:
        """Return candles of a token, oldest first."""
        return self._loop.call(
            self._client.candles(
                token_id, interval=interval, from_ms=from_ms, to_ms=to_ms, limit=limit, fill=fill
            )
        )

    def discover_at(
        self,
        at_ms: int,
        *,
        sort: PastSort | None = None,
        window: Window | None = None,
        order: Order | None = None,
        chain: str | None = None,
        limit: int | None = None,
    ) -> PastList:
        """Return the list as it was at a time."""
        return self._loop.call(
            self._client.discover_at(
                at_ms, sort=sort, window=window, order=order, chain=chain, limit=limit
            )
        )

    def health(self) -> dict[str, Any]:
        """Return what `/health` says."""
        return self._loop.call(self._client.health())

    def ingest(
        self,
        tokens: Iterable[Mapping[str, object]],
        *,
        source: str,
        key: str | None = None,
        ack: Literal["commit"] | None = None,
        idempotency_key: str | None = None,
    ) -> Receipt:
        """Post readings of one's own."""
        return self._loop.call(
            self._client.ingest(
                tokens, source=source, key=key, ack=ack, idempotency_key=idempotency_key
            )
        )


def connect(
    url: str = "http://127.0.0.1:8000",
    *,
    ws_url: str | None = None,
    key: str | None = None,
    timeout_s: float = 5.0,
) -> SyncClient:
    """Return a client that needs no `await`: `with dexwire.connect() as d: d.view().rows()`."""
    return SyncClient(url, ws_url=ws_url, key=key, timeout_s=timeout_s)
