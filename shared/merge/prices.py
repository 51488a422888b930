"""One price from several sources (docs/DATA.md): the weighted rule, and how far they disagree."""

from __future__ import annotations

from collections.abc import Mapping
from math import fsum

from msgspec import Struct

from shared.merge.policy import NOWHERE, MergeRules, rank
from shared.merge.pools import Cutoffs, Union, depth, is_deep, turnover
from shared.merge.readings import SourceReading, is_dead
from shared.model import LIMIT, PoolReading


class SourcePrice(Struct, frozen=True, gc=False):
    """A source's own fresh price; `weight` is the liquidity (USD) behind it, 0 if unknown."""

    source: str
    price: float
    weight: float
    thin: bool = False


def source_prices(
    readings: Mapping[str, SourceReading], union: Union, rules: MergeRules, cut: Cutoffs
) -> list[SourcePrice]:
    """Return each source's own fresh price, by source; of a source with pools, its best pool's.

    A thin pool has no say while any pool of the token is deep.
    """
    deep = any(is_deep(view.pool, rules) for view in union.quotes)
    prices = []
    for source in sorted(readings):
        reading = readings[source]
        price = _of_pools(source, reading, rules, cut, deep) or _of_fields(
            source, reading, rules, cut
        )
        if price is not None:
            prices.append(price)
    return prices


def _of_pools(
    source: str,
    reading: SourceReading,
    rules: MergeRules,
    cut: Cutoffs,
    deep: bool,  # noqa: FBT001
) -> SourcePrice | None:
    kind = "pools" if deep else "thin"
    if source not in rules.pool_sources or kind not in rules.price_order:
        return None
    cutoff_ms = max(cut.price, cut.sums)
    priced = [
        stamped.pool
        for stamped in reading.pools.values()
        if stamped.observed_ms > cutoff_ms
        and (is_deep(stamped.pool, rules) if deep else _is_thin(stamped.pool))
    ]
    if not priced:
        return None
    best = max(priced, key=depth if deep else turnover)
    # Only pools that may set the price weigh, or a crowd of thin ones would move it after all.
    weight = fsum([pool.liquidity or 0.0 for pool in priced])
    return SourcePrice(source, best.price or 0.0, weight, thin=not deep)


def _is_thin(pool: PoolReading) -> bool:
    return bool(pool.price) and not is_dead(pool)


def _of_fields(
    source: str, reading: SourceReading, rules: MergeRules, cut: Cutoffs
) -> SourcePrice | None:
    price = _fresh(reading, "price", cut.price)
    if not price or rank(rules.price_order, source) == NOWHERE:
        return None
    return SourcePrice(source, price, _fresh(reading, "liquidity", cut.sums) or 0.0)


def _fresh(reading: SourceReading, field: str, cutoff_ms: int) -> float | None:
    stamped = reading.fields.get(field)
    if stamped is None or stamped.observed_ms <= cutoff_ms:
        return None
    return stamped.value if isinstance(stamped.value, float) else None


def blend(prices: list[SourcePrice], outlier_pct: float) -> tuple[float, list[SourcePrice]] | None:
    """Return the liquidity-weighted mean and the prices it is of; None without any weight.

    Prices further than `outlier_pct` from the weighted median are dropped first.
    """
    weighted = sorted((p for p in prices if p.weight > 0), key=lambda p: (p.price, p.source))
    if not weighted:
        return None
    middle = _weighted_median(weighted)
    kept = [p for p in weighted if abs(p.price - middle) <= middle * outlier_pct / 100]
    mean = fsum(p.price * p.weight for p in kept) / fsum(p.weight for p in kept)
    # Rounding, or underflow of tiny prices, must not carry the mean out of what was seen.
    return min(max(mean, kept[0].price), kept[-1].price), kept


def _weighted_median(ordered: list[SourcePrice]) -> float:
    """Return the price at which half of the weight is reached."""
    half = fsum(p.weight for p in ordered) / 2
    reached = 0.0
    for price in ordered[:-1]:
        reached += price.weight
        if reached >= half:
            return price.price
    return ordered[-1].price


def spread_pct(prices: list[SourcePrice]) -> float | None:
    """Return how far the sources' prices are apart, in percent of their median; None below two."""
    if len(prices) < 2:
        return None
    values = sorted([p.price for p in prices])
    middle = (values[(len(values) - 1) // 2] + values[len(values) // 2]) / 2
    spread = (values[-1] - values[0]) / middle * 100
    return spread if spread < LIMIT else None
