"""Merging across sources (DESIGN.md 4.3, 4.4, 4.6): one row from what each source says of a token.

A row is a function of the readings, the time and the rules, and of nothing else: what was committed
before has no say, so a restart cannot be seen. Figures of different sources are of the same trades,
so a figure is chosen, never added across sources.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

from shared.merge.policy import NOWHERE, MergeRules, rank
from shared.merge.pools import Cutoffs, PricePool, Union, View, price_pool, totals, unite
from shared.merge.prices import SourcePrice, blend, source_prices, spread_pct
from shared.merge.readings import (
    FIRST_BLOCK_MS,
    SourceReading,
    Stamped,
    pool_created_ms,
)
from shared.model import ROW_FIELDS, WINDOWS

__all__ = ["MergeRules", "Merged", "merge_token"]

# What grows old with the price; everything else keeps for as long as a sum does.
PRICE_FIELDS: Final = frozenset(
    ("price", "market_cap", "fdv", *(f"price_change_{window}" for window in (*WINDOWS, "7d")))
)
# The largest fresh figure stands: each source sees a part of the trades, so each is a lower bound.
LARGEST: Final = (
    "liquidity",
    *(f"{kind}_{window}" for kind in ("volume", "transactions") for window in WINDOWS),
)
ONE_GIVER: Final = frozenset(("buys_24h", "sells_24h"))  # whoever gives the transactions
FIGURES: Final = frozenset((*LARGEST, *ONE_GIVER, "holders"))
# Of the giver of the price. 7 days, which no pool tells, is the first in the order of the price.
WINDOW_CHANGES: Final = tuple(f"price_change_{window}" for window in WINDOWS)
CHANGES: Final = frozenset((*WINDOW_CHANGES, "price_change_7d"))


_NEVER: Final = -(10**15)  # before every time


class Merged(Struct, frozen=True):
    """A merged row and how long it holds.

    `values`: the row without `rv`; unknown is absent. `next_ms`: with no new reading the values
    stay as they are before this time; None for ever. `dead`: no source has anything young enough to
    keep the token.
    """

    values: dict[str, Any]
    next_ms: int | None
    dead: bool


class _Ages(Struct, frozen=True):
    """How old the readings are. A stale row is the row of `at_ms`, its last fresh moment."""

    newest_ms: int
    next_ms: int
    stale: bool
    cut: Cutoffs
    sources: list[str]


class _Giver(Struct, frozen=True):
    """One that may set the price: a pool (`view`), or else a source's token-wide figures."""

    rank: float
    source: str
    fields: Mapping[str, Stamped]
    view: View | None = None
    thin: bool = False

    def offer(self, field: str) -> tuple[int, float] | None:
        """Return (observed_ms, value) of a figure that can be true, None when there is none."""
        if self.view is None:
            stamped = self.fields.get(field)
            if stamped is None:
                return None
            value, observed_ms = stamped.value, stamped.observed_ms
        else:
            # These describe the base token; and a thin pool says nothing of a market's size.
            foreign = field != "price" and self.view.pool.side == "quote"
            if foreign or (self.thin and field == "market_cap"):
                return None
            value, observed_ms = getattr(self.view.pool, field, None), self.view.observed_ms
        if value is None or isinstance(value, str):
            return None
        # No price is 0, and none falls by more than all of itself.
        true = value >= -100 if field in CHANGES else value > 0
        return (observed_ms, value) if true else None


class _Chosen(Struct, frozen=True):
    """A giver's figure."""

    giver: _Giver
    observed_ms: int
    value: float


def merge_token(
    chain: str, address: str, readings: Mapping[str, SourceReading], now_ms: int, rules: MergeRules
) -> Merged:
    """Return the row of a token at a time; names canonical, `readings` by source."""
    row: dict[str, Any] = {"id": f"{chain}:{address}", "token_address": address, "chain": chain}
    ages = _ages(readings, now_ms, rules)
    if ages is None or now_ms >= ages.newest_ms + rules.dead_after_ms:
        return Merged({**row, "sources": sorted(readings), "stale": True}, None, dead=True)
    union = unite(readings, rules.pool_sources, ages.cut)
    best = price_pool(union, rules, ages.cut)
    ranked = sorted(readings, key=lambda source: (rank(rules.name_order, source), source))
    _set_names(row, readings, ranked)
    _set_created(row, readings, rules)
    prices = source_prices(readings, union, rules, ages.cut)
    _set_price(row, _givers(readings, best, rules), prices, rules, ages.cut)
    _set_figures(row, readings, union, ranked, ages.cut)
    if best is not None:
        row["pool_address"] = best.view.pool.pool_address
        if best.view.pool.protocol is not None:
            row["protocol"] = best.view.pool.protocol
    if union.sums:
        row["pool_count"] = len(union.sums)
    row["sources"] = ages.sources
    row["stale"] = ages.stale
    row["observed_ms"] = ages.newest_ms
    values: dict[str, Any] = {name: row[name] for name in ROW_FIELDS if name in row}
    return Merged(values, ages.next_ms, dead=False)


# -- time -----------------------------------------------------------------------------------------
def _ages(readings: Mapping[str, SourceReading], now_ms: int, rules: MergeRules) -> _Ages | None:
    """Return the ages of what is known, or None when nothing is."""
    times: set[int] = set()
    fresh_until: dict[str, int] = {}
    for source, reading in readings.items():
        summed = {pool.observed_ms for pool in reading.pools.values()}
        priced: set[int] = set()
        for name, stamped in reading.fields.items():
            if stamped.value is not None:
                (priced if name in PRICE_FIELDS else summed).add(stamped.observed_ms)
        times |= summed
        times |= priced
        fresh_until[source] = max(
            max(priced, default=_NEVER) + rules.price_stale_ms,
            max(summed, default=_NEVER) + rules.sums_stale_ms,
        )
    if not times:
        return None
    stale_ms = max(fresh_until.values())
    at_ms = min(now_ms, stale_ms - 1)
    newest_ms = max(times)
    dead_ms = newest_ms + rules.dead_after_ms
    crossings = [
        crossing
        for observed_ms in times
        for bound_ms in (rules.price_stale_ms, rules.sums_stale_ms)
        if (crossing := observed_ms + bound_ms) > now_ms
    ]
    stale = now_ms >= stale_ms
    return _Ages(
        newest_ms=newest_ms,
        next_ms=dead_ms if stale else min(*crossings, dead_ms),
        stale=stale,
        cut=Cutoffs(at_ms - rules.price_stale_ms, at_ms - rules.sums_stale_ms),
        sources=sorted(source for source, until_ms in fresh_until.items() if until_ms > at_ms),
    )


# -- who and since when ---------------------------------------------------------------------------
def _set_names(
    row: dict[str, Any], readings: Mapping[str, SourceReading], ranked: list[str]
) -> None:
    """Set name, ticker and protocol: from the first that knows it. They do not grow old."""
    for field in ("token_name", "token_ticker", "protocol"):
        for source in ranked:
            stamped = readings[source].fields.get(field)
            if stamped is not None and stamped.value is not None:
                row[field] = stamped.value
                break


def _set_created(
    row: dict[str, Any], readings: Mapping[str, SourceReading], rules: MergeRules
) -> None:
    """Set the earliest known creation that can be true, of the token or of a live pool."""
    known = []
    for source, reading in readings.items():
        stamped = reading.fields.get("created_ms")
        if stamped is not None and isinstance(stamped.value, int):
            known.append(stamped.value if stamped.value <= stamped.observed_ms else 0)
        if source in rules.pool_sources:
            for pool in reading.pools.values():
                created_ms = pool_created_ms(pool)
                if created_ms is not None:
                    known.append(created_ms)
    true = [created_ms for created_ms in known if created_ms >= FIRST_BLOCK_MS]
    if true:
        row["created_ms"] = min(true)


# -- the price and what goes with it --------------------------------------------------------------
def _set_price(
    row: dict[str, Any],
    givers: list[_Giver],
    prices: list[SourcePrice],
    rules: MergeRules,
    cut: Cutoffs,
) -> None:
    """Set what is chosen in the order of the price; price and changes are of one giver."""
    for field in ("market_cap", "fdv", "price_change_7d"):
        chosen = _choose(givers, field, cut)
        if chosen is not None:
            row[field] = chosen.value
    best = _choose(givers, "price", cut)
    if best is None:
        return
    row["price"], row["price_source"] = best.value, _label(best.giver.source, best.giver.thin)
    blended = blend(prices, rules.outlier_pct) if rules.price_rule == "weighted" else None
    if blended is not None:
        row["price"], kept = blended
        names = {price.source for price in kept}
        row["price_source"] = "weighted" if len(kept) > 1 else _label(kept[0].source, kept[0].thin)
        best = _choose([giver for giver in givers if giver.source in names], "price", cut) or best
    oldest_ms = min(cut.price, best.observed_ms - 1)
    for field in WINDOW_CHANGES:
        offer = best.giver.offer(field)
        if offer is not None and offer[0] > oldest_ms:
            row[field] = offer[1]
    spread = spread_pct(prices)
    if spread is not None:
        row["price_spread_pct"] = spread


def _givers(
    readings: Mapping[str, SourceReading],
    best: PricePool | None,
    rules: MergeRules,
) -> list[_Giver]:
    """Return who may set the price, each with its place in the order."""
    givers = [
        _Giver(place, source, reading.fields)
        for source, reading in readings.items()
        if not PRICE_FIELDS.isdisjoint(reading.fields)
        and (place := rank(rules.price_order, source)) != NOWHERE
    ]
    if best is not None:
        kind = "thin" if best.thin else "pools"
        if kind in rules.price_order:
            place = rules.price_order.index(kind)
            givers.append(_Giver(place, best.view.source, {}, best.view, best.thin))
    return givers


def _choose(givers: list[_Giver], field: str, cut: Cutoffs) -> _Chosen | None:
    """Return the first fresh figure in order, among equals the newest; else the last to be fresh.

    The second keeps a figure while no source has a newer one and sums are still fresh: a price does
    not vanish between two refreshes, and an older one does not come back.
    """
    least: tuple[int, float, float, str] | None = None
    chosen = None
    for giver in givers:
        offer = giver.offer(field)
        if offer is None:
            continue
        observed_ms, value = offer
        if observed_ms > cut.price:
            key = (0, giver.rank, float(-observed_ms), giver.source)
        elif observed_ms > cut.sums:
            key = (1, float(-observed_ms), giver.rank, giver.source)
        else:
            continue
        if least is None or key < least:
            least, chosen = key, _Chosen(giver, observed_ms, value)
    return chosen


def _label(source: str, thin: bool) -> str:  # noqa: FBT001
    return f"{source}:thin" if thin else source


# -- figures --------------------------------------------------------------------------------------
def _set_figures(
    row: dict[str, Any],
    readings: Mapping[str, SourceReading],
    union: Union,
    ranked: list[str],
    cut: Cutoffs,
) -> None:
    """Set volume, liquidity, transactions: the largest; buys and sells are of the same giver."""
    sums: Mapping[str, Any] = totals(union)
    traded = sums  # who tells the transactions: the pools until a source has more
    for field in LARGEST:
        if field in sums:
            row[field] = sums[field]
    for source in ranked:
        fields = readings[source].fields
        if FIGURES.isdisjoint(fields):
            continue
        fresh = {
            field: stamped.value
            for field, stamped in fields.items()
            if field in FIGURES and stamped.observed_ms > cut.sums and stamped.value is not None
        }
        for field, value in fresh.items():
            if field in ONE_GIVER:
                continue
            if field not in row or (value > row[field] and field != "holders"):
                row[field] = value
                traded = fresh if field == "transactions_24h" else traded
    if "transactions_24h" in row:
        for side in ("buys_24h", "sells_24h"):
            if side in traded:
                row[side] = traded[side]
