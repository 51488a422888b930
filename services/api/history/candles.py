"""`GET /tokens/{chain}/{address}/candles`: what was sampled of one token's price."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct
from starlette.types import Receive, Scope, Send

from services.api.formats import CONTENT_TYPES, VARY, Format, csv, ndjson, wanted_format
from services.api.history.budget import Billing
from services.api.history.database import History
from services.api.history.query import CandlesQuery, parse_candles
from services.api.history.tokens import Tokens
from services.api.tokens import parse_token
from shared.edge.http.answer import Header, TaggedAnswer, weak_tag
from shared.history.answers import CandlePage, Coverage
from shared.history.candle import SECONDS, TIER_OF, VOLUME_BASIS, Candle, Gap, Span, filled

if TYPE_CHECKING:
    from shared.history.reader import Reader

# Measured in bench/history.py: what a stored candle costs to read, and a request without any.
_CANDLE_S: Final = 8e-6
_REQUEST_S: Final = 2e-3
COLUMNS: Final = (
    *("t", "o", "h", "l", "c", "n", "by", "mixed", "cover", "liquidity", "market_cap", "volume"),
    *("closed", "kind", "origin"),
)
_encode: Final = msgspec.json.Encoder().encode


class CandlesAnswer(Struct, frozen=True, kw_only=True):
    """The answer, in the order of its members."""

    basis: str = "sampled"
    token: str
    interval: str
    from_ms: int
    to_ms: int
    volume_basis: str | None
    coverage: Coverage | None
    candles: list[Candle]
    gaps: list[Gap]


class CandlesEndpoint:
    """The endpoint."""

    def __init__(self, history: History, tokens: Tokens, budget: Billing) -> None:
        self._history = history
        self._tokens = tokens
        self._budget = budget

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer. Raises Problem: 404 for a token that is neither listed nor recorded."""
        query = parse_candles(scope["query_string"])
        params = scope["path_params"]
        token = parse_token(params["chain"], params["address"])
        self._budget.bill(scope, cost_s(query))
        async with self._history.reading() as readers:
            page = await read(readers.reader, token, query)
        if page is None:
            self._tokens.must_be_listed(token)
        answer = made(token, query, page)
        await encoded(answer, wanted_format(scope["headers"])).for_request(scope)(
            scope, receive, send
        )


def cost_s(query: CandlesQuery) -> float:
    """Return what the stored candles of a request cost at most, in seconds of a processor."""
    interval = query.interval
    stored = query.limit * (SECONDS[interval] // SECONDS[TIER_OF[interval]])
    return _REQUEST_S + stored * _CANDLE_S


async def read(reader: Reader, token: str, query: CandlesQuery) -> CandlePage | None:
    """Return the candles that a request wants; of a removed token the last ones it has."""
    to_ms = query.to_ms
    if to_ms is None:
        record = await reader.token(token)
        if record is None:
            return None
        if record.gone_ms is not None:
            to_ms = record.gone_ms + 1
    return await reader.candles(
        token,
        query.interval,
        from_ms=query.from_ms,
        to_ms=to_ms,
        limit=query.limit,
        with_before=query.fill,
    )


def made(token: str, query: CandlesQuery, page: CandlePage | None) -> CandlesAnswer:
    """Return the answer; without a page that of a token of which nothing is recorded yet."""
    if page is None:
        from_ms, to_ms = query.from_ms or 0, query.to_ms or 0
        return CandlesAnswer(
            token=token, interval=query.interval, from_ms=from_ms, to_ms=max(from_ms, to_ms),
            volume_basis=VOLUME_BASIS[query.interval], coverage=None, candles=[], gaps=[],
        )  # fmt: skip
    candles = page.candles
    if query.fill:
        candles = filled(candles, (page.from_ms, _end(page)), page.interval, page.before)
    return CandlesAnswer(
        token=token, interval=page.interval, from_ms=page.from_ms, to_ms=page.to_ms,
        volume_basis=page.volume_basis, coverage=page.coverage, candles=candles, gaps=page.gaps,
    )  # fmt: skip


def _end(page: CandlePage) -> int:
    """Return the end of what a page says something about: the future is not filled."""
    step = SECONDS[page.interval] * 1000
    known: list[Span] = [(c.t, c.t + step) for c in page.candles[-1:]]
    known += [(gap.from_ms, gap.to_ms) for gap in page.gaps[-1:]]
    return max((end for _, end in known), default=page.from_ms)


def encoded(answer: CandlesAnswer, fmt: Format) -> TaggedAnswer:
    """Return the answer in a format, with a tag over all of it."""
    if fmt == "json":
        body = _encode(answer)
        return TaggedAnswer(body, weak_tag(body), headers=[VARY])
    lines = [_encode(candle) for candle in answer.candles]
    if fmt == "csv":
        body = csv(
            COLUMNS, [msgspec.json.decode(line, type=dict[str, msgspec.Raw]) for line in lines]
        )
    else:
        body = ndjson(lines)
    head: list[Header] = [VARY, (b"x-dexwire-basis", answer.basis.encode())]
    if answer.volume_basis is not None:
        head.append((b"x-dexwire-volume-basis", answer.volume_basis.encode()))
    return TaggedAnswer(body, weak_tag(fmt.encode(), body), CONTENT_TYPES[fmt], head)
