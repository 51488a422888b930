"""One page of the list, and the answer that it is in each format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from services.api.discover.query import DiscoverQuery
from services.api.formats import CONTENT_TYPES, VARY, csv, ndjson
from shared.edge.http.answer import Header, TaggedAnswer, weak_tag
from shared.model import ROW_FIELDS
from shared.state.row import decode_row

_WITH: Final = {"trending": "explain", "spark": "spark"}  # column → what requests it
_QUOTED: Final = ("price_native", "market_cap_native")


@dataclass(frozen=True, slots=True)
class Slice:
    """Some rows of one exact state, in order; rows are finished JSON."""

    epoch: str
    version: int
    as_of_ms: int
    rows: Sequence[bytes]
    ids: Sequence[str]
    total: int
    next_offset: int | None  # where the next page starts, None at the end
    native: bytes | None = None  # JSON of the prices that rows are quoted in; None: no quote


def page_answer(
    page: Slice,
    next_cursor: str | None,
    query: DiscoverQuery,
    *,
    order_version: int | None = None,
) -> TaggedAnswer:
    """Return the answer in the format of the query. Its tag is over rows and order."""
    shown = page.rows if query.limit else [b"%d" % page.total]
    if query.format == "json":
        body = encode_page(page, next_cursor, order_version=order_version)
        return TaggedAnswer(body, weak_tag(page.epoch.encode(), *shown), headers=[VARY])
    if query.format == "csv":
        body = csv(columns(query), map(decode_row, page.rows))
    else:
        body = ndjson(page.rows)
    return TaggedAnswer(
        body,
        weak_tag(page.epoch.encode(), query.format.encode(), *shown),
        CONTENT_TYPES[query.format],
        [VARY, *_state(page, next_cursor)],
    )


def columns(query: DiscoverQuery) -> tuple[str, ...]:
    """Return the columns of a CSV page."""
    quoted = () if query.quote is None else _QUOTED
    more = [name for name in ("trending", "spark") if getattr(query, _WITH[name])]
    return (*ROW_FIELDS, *quoted, *more)


def _state(page: Slice, next_cursor: str | None) -> list[Header]:
    """Return what a page says beside its rows, as headers: lines of rows have no room for it."""
    headers = [
        (b"x-dexwire-epoch", page.epoch.encode()),
        (b"x-dexwire-version", b"%d" % page.version),
        (b"x-dexwire-as-of-ms", b"%d" % page.as_of_ms),
        (b"x-dexwire-total", b"%d" % page.total),
    ]
    if next_cursor is not None:
        headers.append((b"x-dexwire-next-cursor", next_cursor.encode()))
    return headers


def encode_page(page: Slice, next_cursor: str | None, *, order_version: int | None = None) -> bytes:
    """Return a page's JSON; the rows go in as they are."""
    walk = b"" if order_version is None else b'"order_version":%d,' % order_version
    native = b"" if page.native is None else b',"native_prices":' + page.native
    following = b"null" if next_cursor is None else b'"%s"' % next_cursor.encode()
    return (
        b'{"epoch":"%s","version":%d,%s"as_of_ms":%d,"tokens":[%s],"nextCursor":%s,"total":%d%s}'
        % (
            page.epoch.encode(),
            page.version,
            walk,
            page.as_of_ms,
            b",".join(page.rows),
            following,
            page.total,
            native,
        )
    )
