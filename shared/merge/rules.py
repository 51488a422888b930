"""Merging across sources (docs/DATA.md): one row from what each source says of a token.

A row is a function of the readings, the time and the rules, and of nothing else: what was committed
before has no say, so a restart cannot be seen. Figures of different sources are of the same trades,
so a figure is chosen, never added across sources.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

from shared.merge.ages import Ages, find_ages
from shared.merge.consensus import Consensus
from shared.merge.drained import believe
from shared.merge.names import shown
from shared.merge.policy import MergeRules, in_order
from shared.merge.pools import (
    Cutoffs,
    PricePool,
    Union,
    join,
    last_resort,
    look_at_pools,
    outvoted_pools,
    price_pool,
    totals,
    without,
)
from shared.merge.price_candidates import (
    WINDOW_CHANGES,
    Chosen,
    PriceCandidate,
    choose,
    find_price_candidates,
    label,
)
from shared.merge.prices import (
    SourcePrice,
    are_near,
    blend,
    find_opinions,
    find_outvoted,
    settle,
    settle_sums,
    source_prices,
    spread_pct,
)
from shared.merge.readings import FIRST_BLOCK_MS, Scalar, SourceReading, Stamped, pool_created_ms
from shared.model import ROW_FIELDS, WINDOWS

# The largest fresh figure stands: each source sees a part of the trades, so each is a lower bound.
LARGEST: Final = (
    "liquidity",
    *(f"{kind}_{window}" for kind in ("volume", "transactions") for window in WINDOWS),
)
# They come from the source that gives the transactions.
FROM_ONE_SOURCE: Final = frozenset(("buys_24h", "sells_24h"))
FIGURES: Final = frozenset((*LARGEST, *FROM_ONE_SOURCE, "holders"))
SHOWN_TEXTS: Final = ("token_name", "token_ticker", "protocol")


class Merged(Struct, frozen=True):
    """A merged row and how long it holds.

    `values`: the row without `rv`; unknown is absent. `next_ms`: with no new reading the values
    stay as they are before this time; None for ever. `dead`: no source has anything young enough to
    keep the token.
    """

    values: dict[str, Any]
    next_ms: int | None
    dead: bool


class Case(Struct, frozen=True):
    """What the values of a token are decided from, here and where they are explained.

    `believed`: the readings without what drained sources say of price and trades. `union`: the
    pools that count; untraded ones only where nothing else gives a price. `best`: the pool that
    gives the price, or would. `prices`: every source's own, `agreed`: those that do not contradict
    the consensus. `chosen`: whose price is taken by the order.
    """

    ages: Ages
    believed: Mapping[str, SourceReading]
    union: Union
    best: PricePool | None
    ranked: tuple[str, ...]  # sources in name order
    candidates: list[PriceCandidate]
    prices: list[SourcePrice]
    agreed: list[SourcePrice]
    consensus: Consensus | None
    outvoted: frozenset[str]  # sources whose own price contradicts the consensus
    of_sums: Consensus | None  # as `consensus`, with all pools as one voter
    outvoted_pools: frozenset[str]  # addresses of pools that contradict it; they add nothing
    chosen: Chosen | None


class PricePick(Struct, frozen=True):
    """The price, who it is said to be of, and who gives what goes with it."""

    value: float
    label: str
    chosen: Chosen  # gives the changes, and the price itself unless it is a blend
    blended: tuple[SourcePrice, ...] = ()  # what the price is the mean of


def examine(readings: Mapping[str, SourceReading], now_ms: int, rules: MergeRules) -> Case | None:
    """Return what a token's row is decided from, None when it is dead."""
    ages = find_ages(readings, now_ms, rules)
    if ages is None or now_ms >= ages.newest_ms + rules.dead_after_ms:
        return None
    cut = ages.cut
    believed = believe(readings, cut)
    pools = look_at_pools(believed, rules, cut)
    opinions = find_opinions(believed, pools, rules, cut)
    prices = source_prices(opinions, None)
    consensus = of_sums = None
    if not are_near(opinions, pools, rules):
        consensus = settle(opinions, rules)
        of_sums = settle_sums(opinions, pools.traded, rules, cut)
    best = price_pool(pools, consensus)
    outvoted = find_outvoted(opinions, consensus)
    candidates = find_price_candidates(believed, best, rules, outvoted)
    chosen, union = choose(candidates, "price", cut), pools.traded
    if chosen is None and pools.untraded.sums:
        best = last_resort(pools, rules) or best
        candidates = find_price_candidates(believed, best, rules, outvoted)
        chosen = choose(candidates, "price", cut)
        union = join(union, pools.untraded)
    contradicting = outvoted_pools(union, of_sums, rules)
    return Case(
        ages=ages,
        believed=believed,
        union=without(union, contradicting),
        best=best,
        ranked=in_order(rules.name_order, tuple(readings)),
        candidates=candidates,
        prices=prices,
        agreed=prices if consensus is None else source_prices(opinions, consensus),
        consensus=consensus,
        outvoted=outvoted,
        of_sums=of_sums,
        outvoted_pools=contradicting,
        chosen=chosen,
    )


def merge_token(
    chain: str, address: str, readings: Mapping[str, SourceReading], now_ms: int, rules: MergeRules
) -> Merged:
    """Return the row of a token at a time; names canonical, `readings` by source."""
    row: dict[str, Any] = {"id": f"{chain}:{address}", "token_address": address, "chain": chain}
    case = examine(readings, now_ms, rules)
    if case is None:
        return Merged({**row, "sources": sorted(readings), "stale": True}, None, dead=True)
    _set_names(row, readings, case.ranked)
    _set_created(row, readings, rules)
    _set_price(row, case, rules)
    _set_figures(row, case.believed, case.union, case.ranked, case.ages.cut)
    if case.best is not None:
        pool = case.best.view.pool
        row["pool_address"] = pool.pool_address
        if pool.protocol is not None:
            row["protocol"] = pool.protocol
    if case.union.sums:
        row["pool_count"] = len(case.union.sums)
    row["sources"] = case.ages.sources
    row["stale"] = case.ages.stale
    row["observed_ms"] = case.ages.newest_ms
    values: dict[str, Any] = {name: row[name] for name in ROW_FIELDS if name in row}
    return Merged(values, case.ages.next_ms, dead=False)


# -- who and since when ---------------------------------------------------------------------------
def _set_names(
    row: dict[str, Any], readings: Mapping[str, SourceReading], ranked: tuple[str, ...]
) -> None:
    """Set name, ticker and protocol: from the first that knows it. They do not grow old."""
    for field in SHOWN_TEXTS:
        for source in ranked:
            stamped = readings[source].fields.get(field)
            if stamped is not None and isinstance(stamped.value, str):
                text = shown(field, stamped.value)
                if text is not None:
                    row[field] = text
                    break


def _set_created(
    row: dict[str, Any], readings: Mapping[str, SourceReading], rules: MergeRules
) -> None:
    """Set the earliest known creation that can be true, of the token or of a live pool."""
    known: list[int] = []
    for source, reading in readings.items():
        stamped = reading.fields.get("created_ms")
        if stamped is not None and isinstance(stamped.value, int):
            known.append(stamped.value if stamped.value <= stamped.observed_ms else 0)
        if source in rules.pool_sources:
            born = [pool_created_ms(pool) for pool in reading.pools.values()]
            known += [created_ms for created_ms in born if created_ms is not None]
    true = [created_ms for created_ms in known if created_ms >= FIRST_BLOCK_MS]
    if true:
        row["created_ms"] = min(true)


# -- the price and what goes with it --------------------------------------------------------------
def _set_price(row: dict[str, Any], case: Case, rules: MergeRules) -> None:
    """Set what is chosen in the order of the price; price and changes come from one candidate."""
    cut = case.ages.cut
    for field in ("market_cap", "fdv", "price_change_7d"):
        chosen = choose(case.candidates, field, cut)
        if chosen is not None:
            row[field] = chosen.value
    pick = pick_price(case, rules)
    if pick is None:
        return
    row["price"], row["price_source"] = pick.value, pick.label
    for field in WINDOW_CHANGES:
        offer = pick.chosen.candidate.offer(field)
        if offer is not None and offer[0] > oldest_change_ms(pick, cut):
            row[field] = offer[1]
    spread = spread_pct(case.prices)
    if spread is not None:
        row["price_spread_pct"] = spread


def pick_price(case: Case, rules: MergeRules) -> PricePick | None:
    """Decide the price by the rule that is set; None when nobody gives one."""
    chosen = case.chosen
    if chosen is None:
        return None
    blended = blend(case.agreed, rules.outlier_pct) if rules.price_rule == "weighted" else None
    if blended is None:
        name = label(chosen.candidate.source, chosen.candidate.thin)
        return PricePick(chosen.value, name, chosen)
    value, kept = blended
    names = {price.source for price in kept}
    of_kept = [candidate for candidate in case.candidates if candidate.source in names]
    return PricePick(
        value,
        "weighted" if len(kept) > 1 else label(kept[0].source, kept[0].thin),
        choose(of_kept, "price", case.ages.cut) or chosen,
        tuple(kept),
    )


def oldest_change_ms(pick: PricePick, cut: Cutoffs) -> int:
    """Return the time (ms) after which a change must be observed to go with the price."""
    return min(cut.price, pick.chosen.observed_ms - 1)


# -- figures --------------------------------------------------------------------------------------
def _set_figures(
    row: dict[str, Any],
    readings: Mapping[str, SourceReading],
    union: Union,
    ranked: tuple[str, ...],
    cut: Cutoffs,
) -> None:
    """Set volume, liquidity, transactions: the largest; buys and sells come from one source."""
    sums: Mapping[str, Any] = totals(union)
    most: str | None = None  # the source with more transactions than the pools, if one has
    for field in LARGEST:
        if field in sums:
            row[field] = sums[field]
    for source in ranked:
        fields = readings[source].fields
        if FIGURES.isdisjoint(fields):
            continue
        for field in (*LARGEST, "holders"):
            value: Any = _fresh_value(fields, field, cut)
            if value is None:
                continue
            if field not in row or (value > row[field] and field != "holders"):
                row[field] = value
                most = source if field == "transactions_24h" else most
    if "transactions_24h" in row:
        for side in ("buys_24h", "sells_24h"):
            value = (
                sums.get(side) if most is None else _fresh_value(readings[most].fields, side, cut)
            )
            if value is not None:
                row[side] = value


def _fresh_value(fields: Mapping[str, Stamped], field: str, cut: Cutoffs) -> Scalar:
    stamped = fields.get(field)
    return stamped.value if stamped is not None and stamped.observed_ms > cut.sums else None
