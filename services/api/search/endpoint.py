"""`GET /search`: tokens by address, ticker and name, from our own state.

The best match first: a whole address or id, then the exact ticker, then a ticker that begins so,
then words of name and ticker that begin so; within each by liquidity, what has none last, then by
id. Tokens of one ticker are never merged: each is marked (`same_ticker`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any, Final

import msgspec
from starlette.types import Receive, Scope, Send

from services.api.discover.filters import NO_FILTERS, Filters, parse_filters
from services.api.discover.filters import PARAMETERS as FILTERS
from services.api.discover.query import parse_limit, parse_parameters, parse_window
from services.api.discover.quoting import parse_quote, quote_rows
from services.api.live import Live
from services.api.search.name_index import NameIndex, parse_text
from shared.edge.http.answer import TaggedAnswer, weak_tag
from shared.edge.http.problem import Problem
from shared.edge.http.visitors import for_free
from shared.state.orders import Orders
from shared.state.replica import Replica

PARAMETERS: Final = ("q", "limit", "window", "quote", *(name for name in FILTERS if name != "q"))
MATCHES: Final = ("address", "ticker", "ticker_prefix", "words")  # as the tiers of name_index.Found
_MARK: Final = b'"same_ticker":'


class Search:
    """The endpoint."""

    def __init__(
        self, live: Live, paying: Callable[[Scope], AbstractContextManager[None]] = for_free
    ) -> None:
        self._live = live
        self._paying = paying

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer. Raises Problem."""
        given = parse_parameters(scope["query_string"], PARAMETERS)
        if "q" not in given:
            raise Problem(400, "bad_q", "q is what to search for", param="q")
        text, limit = parse_text(given.pop("q")), parse_limit(given.get("limit"))
        quote = parse_quote(given.get("quote"))
        filters = parse_filters(given, parse_window(given))
        replica = await self._live.exact()
        with self._paying(scope):
            found = hits(self._live.names, replica, text, limit, quote=quote, filters=filters)
        page = TaggedAnswer(*found)
        await page.for_request(scope)(scope, receive, send)


def hits(
    names: NameIndex,
    replica: Replica,
    text: str,
    limit: int,
    *,
    quote: str | None = None,
    filters: Filters = NO_FILTERS,
) -> tuple[bytes, bytes]:
    """Return the answer's JSON and its tag."""
    found = names.find(text)
    if filters:
        where = filters.where(replica.committed_ms)
        found = found.among(replica.orders.those_passing(found.ids(), where))
    marks = Marks(names, replica.orders)
    best: list[tuple[str, str]] = []  # ids, and how they were found
    for tier, match in zip(found.tiers(), MATCHES, strict=True):
        room = limit - len(best)
        if tier and room:
            best += [(i, match) for i in replica.orders.greatest(tier, "liquidity", room)]
    shown, prices = quote_rows([replica.rows[i] for i, _ in best], quote, replica.native)
    rows = [_hit(row, *each, marks) for row, each in zip(shown, best, strict=True)]
    shown = rows if limit else [b"%d" % len(found)]
    tag = weak_tag(replica.epoch.encode(), *shown)
    return encode_hits(replica, rows, len(found), prices), tag


class Marks:
    """The marks of tokens that share their ticker with others of the list."""

    def __init__(self, names: NameIndex, orders: Orders) -> None:
        self._names = names
        self._orders = orders
        self._firsts: dict[str, tuple[str | None, str | None]] = {}  # by ticker

    def of(self, token: str) -> dict[str, Any] | None:
        """Return a token's mark, None when its ticker is its own.

        It has the shape of the one that rows carry; `count` includes the token itself.
        """
        ticker = self._names.ticker_of(token)
        namesakes = self._names.of_ticker(ticker)
        if len(namesakes) < 2:
            return None
        if ticker not in self._firsts:
            first = self._orders.first
            oldest = first(namesakes, "created", descending=False)
            self._firsts[ticker] = oldest, first(namesakes, "liquidity")
        oldest, most_liquid = self._firsts[ticker]
        return {
            "count": len(namesakes),
            "oldest": token == oldest,
            "most_liquid": token == most_liquid,
        }


def encode_hits(
    replica: Replica, rows: Iterable[bytes], total: int, native: bytes | None = None
) -> bytes:
    """Return the JSON of an answer; the rows, and the prices they are quoted in, go in as is."""
    more = b"" if native is None else b',"native_prices":' + native
    return b'{"epoch":"%s","version":%d,"as_of_ms":%d,"tokens":[%s],"total":%d%s}' % (
        replica.epoch.encode(),
        replica.version,
        replica.committed_ms,
        b",".join(rows),
        total,
        more,
    )


def _hit(row: bytes, token: str, match: str, marks: Marks) -> bytes:
    """Return a row with how it was found, and its mark unless it carries one already."""
    mark = marks.of(token)
    more = b',"match":"%s"' % match.encode()
    if mark is not None and _MARK not in row:
        more += b"," + _MARK + msgspec.json.encode(mark)
    return row[:-1] + more + b"}"
