"""`GET /history/discover`: the list as it was at a time, tokens that are gone since included."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct, structs
from starlette.types import Receive, Scope, Send

from services.api.hints import did_you_mean
from services.api.history.budget import Billing
from services.api.history.database import History
from services.api.history.query import PastQuery, parse_past
from services.api.live import Live
from shared.chains import split_token_id
from shared.edge.http.answer import TaggedAnswer, weak_tag
from shared.edge.http.problem import Problem
from shared.history.answers import PastRow, Sampled

if TYPE_CHECKING:
    from services.api.history.readers import Readers
    from shared.history.as_of import Figure

_COST_S: Final = 0.03  # of one list; measured in bench/history.py
_MINUTE_MS: Final = 60_000
_HOUR_MS: Final = 3_600_000
_WINDOWS_MS: Final = {"1h": _HOUR_MS, "24h": 24 * _HOUR_MS}
# A price that is to be compared must be of about then: at most so much older.
_OLDER_MS: Final = {"1h": _HOUR_MS // 2, "24h": 6 * _HOUR_MS}


class _Named(Struct, frozen=True):
    """What a row says of its token that does not move."""

    token_name: str | None = None
    token_ticker: str | None = None
    created_ms: int | None = None


class ShownRow(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A token as it was; what is not known is absent."""

    id: str
    chain: str
    token_address: str
    token_name: str | None = None
    token_ticker: str | None = None
    created_ms: int | None = None
    price: float
    liquidity: float | None = None
    market_cap: float | None = None
    volume_24h: float | None = None
    volume_1h: float | None = None
    volume_5m: float | None = None
    price_change_1h: float | None = None
    price_change_24h: float | None = None
    sampled_ms: int
    gone_ms: int | None = None


_VOLUMES: Final[dict[str, Figure]] = {
    "5m": "volume_5m",
    "1h": "volume_1h",
    "24h": "volume_24h",
}
_FIGURES: Final[dict[str, Figure]] = {"liquidity": "liquidity", "market_cap": "market_cap"}
_named: Final = msgspec.json.Decoder(_Named)


class PastDiscover:
    """The endpoint."""

    def __init__(self, history: History, live: Live, budget: Billing) -> None:
        self._history = history
        self._live = live
        self._budget = budget

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer. Raises Problem: 404 `not_recorded` for a time of which there is nothing."""
        query = parse_past(scope["query_string"])
        self._budget.bill(scope, _COST_S)
        async with self._history.reading() as readers:
            listed = await readers.past.figures(query.at_ms, figure_of(query))
            scores = await scored(readers, query, listed)
            chosen = best(query, scores)
            rows = await readers.past.rows({key: listed[key] for key in chosen})
            before = {
                window: await prices_before(readers, query.at_ms, window, chosen)
                for window in _WINDOWS_MS
            }
        if not listed:
            raise await self._not_recorded(query.at_ms)
        self._check_chain(query, len(scores))
        body = msgspec.json.encode(
            {
                "at_ms": query.at_ms,
                "basis": "sampled",
                "recorded_ms": max(sampled.last_ms for sampled in listed.values()),
                "total": len(scores),
                "sort": query.sort,
                "tokens": [show(row, before) for row in rows],
            }
        )
        await TaggedAnswer(body, weak_tag(body)).for_request(scope)(scope, receive, send)

    async def _not_recorded(self, at_ms: int) -> Problem:
        async with self._history.reading() as readers:
            status = await readers.reader.status()
        kept = [tier.kept_from_ms for name, tier in status.tiers.items() if name != "1d"]
        detail = "nothing is recorded yet"
        if status.at_ms and kept:
            # Of a minute its end is kept, so the list begins with the end of the first one.
            begins_ms = min(min(kept) // _MINUTE_MS * _MINUTE_MS + _MINUTE_MS, status.at_ms)
            detail = (
                f"nothing is recorded of {at_ms}; the list is from {begins_ms} to {status.at_ms}"
            )
        return Problem(404, "not_recorded", detail, param="at_ms")

    def _check_chain(self, query: PastQuery, total: int) -> None:
        if query.chain is None or total:
            return
        meant = self._live.meant_chain(query.chain)
        if meant is not None:
            raise Problem(400, "bad_chain", did_you_mean(query.chain, meant), param="chain")


def figure_of(query: PastQuery) -> Figure:
    """Return the stored figure that a list is sorted by, or made of."""
    if query.sort == "volume":
        return _VOLUMES[query.window]
    return _FIGURES.get(query.sort, "c")


async def scored(
    readers: Readers, query: PastQuery, listed: Mapping[int, Sampled]
) -> dict[int, float]:
    """Return what sorts the tokens of a list, by key: of those of which it is known."""
    keys = list(listed)
    if query.chain is not None:
        chains = await readers.past.chains(keys)
        keys = [key for key in keys if chains.get(key) == query.chain]
    if query.sort == "newest":
        return {k: float(ms) for k, ms in (await readers.lookups.created_of(keys)).items()}
    if query.sort == "price_change":
        then_ms = query.at_ms - _WINDOWS_MS[query.window]
        oldest_ms = then_ms - _OLDER_MS[query.window]
        earlier = await readers.past.figures(then_ms, "c")
        return {
            key: change
            for key in keys
            if key in earlier and earlier[key].last_ms >= oldest_ms
            if (change := change_pct(listed[key].value, earlier[key].value)) is not None
        }
    return {key: value for key in keys if (value := listed[key].value) is not None}


def best(query: PastQuery, scores: Mapping[int, float]) -> list[int]:
    """Return the keys of the rows that are shown; of equal figures the later key first."""
    order = heapq.nlargest if query.order == "desc" else heapq.nsmallest
    return order(query.limit, scores, key=lambda key: (scores[key], key))


async def prices_before(
    readers: Readers, at_ms: int, window: str, keys: Sequence[int]
) -> dict[int, float]:
    """Return the prices of tokens a window before a time, by key."""
    then_ms = at_ms - _WINDOWS_MS[window]
    return await readers.lookups.prices_at(keys, then_ms, then_ms - _OLDER_MS[window])


def change_pct(now: float | None, before: float | None) -> float | None:
    """Return the change in percent; None where a price is not known, or is 0."""
    return round((now / before - 1) * 100, 4) if now and before else None


def show(row: PastRow, before: Mapping[str, Mapping[int, float]]) -> ShownRow:
    """Return a row as it is shown; `before` are prices by window and key."""
    named = _named.decode(row.row) if row.row else _Named()
    return ShownRow(
        id=row.id,
        chain=row.chain,
        token_address=split_token_id(row.id)[1],
        **structs.asdict(named),
        price=row.price,
        liquidity=row.liquidity,
        market_cap=row.market_cap,
        volume_24h=row.volume_24h,
        volume_1h=row.volume_1h,
        volume_5m=row.volume_5m,
        price_change_1h=change_pct(row.price, before["1h"].get(row.key)),
        price_change_24h=change_pct(row.price, before["24h"].get(row.key)),
        sampled_ms=row.sampled_ms,
        gone_ms=row.gone_ms,
    )
