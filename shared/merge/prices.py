"""One price from several sources (docs/DATA.md): the weighted rule, and how far they disagree."""

from __future__ import annotations

from collections.abc import Mapping
from math import fsum

from msgspec import Struct

from shared.merge.consensus import Consensus, agree, find_consensus
from shared.merge.policy import NOWHERE, MergeRules, rank
from shared.merge.pools import Cutoffs, Pools, PoolView, Union, agrees, by_turnover, say, sizable
from shared.merge.readings import SourceReading
from shared.model import LIMIT


class SourcePrice(Struct, frozen=True, gc=False):
    """A source's own fresh price; `weight` is the liquidity (USD) behind it, 0 if unknown.

    `view`: the pool that gives it; None: it is the source's price of the token as a whole.
    """

    source: str
    price: float
    weight: float
    view: PoolView | None = None

    @property
    def thin(self) -> bool:
        """Return whether the price is a thin pool's."""
        return self.view is not None and self.view.weight.standing == "thin"


class Opinions(Struct, frozen=True):
    """Every fresh price that may be the token's, by source.

    `thin`: no pool is deep, so the views are of thin ones. `views`: of pools, `whole`: of the token
    as a whole.
    """

    thin: bool
    views: dict[str, list[PoolView]]
    whole: dict[str, SourcePrice]


def find_opinions(
    readings: Mapping[str, SourceReading], pools: Pools, rules: MergeRules, cut: Cutoffs
) -> Opinions:
    """Return what the sources say now. A thin pool has no say while any of the token is deep."""
    thin = not any(view.weight.standing == "deep" for view in pools.traded.quotes)
    views: dict[str, list[PoolView]] = {}
    if ("thin" if thin else "pools") in rules.price_order:
        standing = "thin" if thin else "deep"
        cutoff_ms = max(cut.price, cut.sums)
        for source, seen in pools.by_source.items():
            found = [
                view
                for view in seen
                if view.weight.standing == standing
                and view.observed_ms > cutoff_ms
                and view.pool.price
            ]
            if found:
                views[source] = found
    whole = {}
    for source in readings:
        price = _of_fields(source, readings[source], rules, cut)
        if price is not None:
            whole[source] = price
    return Opinions(thin, views, whole)


def are_near(opinions: Opinions, pools: Pools, rules: MergeRules) -> bool:
    """Return whether no two prices of anybody contradict each other, which is nearly always."""
    prices = [price.price for price in opinions.whole.values()]
    for views in pools.by_source.values():
        prices += [view.pool.price for view in views if view.pool.price]
    return not prices or agree(min(prices), max(prices), 1 + rules.disagree_pct / 100)


def settle(opinions: Opinions, rules: MergeRules) -> Consensus | None:
    """Return what most sources agree on where deep pools and sources contradict each other.

    None where they do not, which is nearly always, and where no two agree. Thin pools have no vote:
    anybody can move them, and two sources that see the same thin pool are one witness.
    """
    factor = 1 + rules.disagree_pct / 100
    voting = {} if opinions.thin else opinions.views
    claims: dict[str, list[float]] = {
        source: [view.pool.price or 0.0 for view in views] for source, views in voting.items()
    }
    for source, price in opinions.whole.items():
        claims.setdefault(source, []).append(price.price)
    if len(claims) < 2:
        return None
    everything = [price for prices in claims.values() for price in prices]
    everything += [view.pool.price or 0.0 for views in opinions.views.values() for view in views]
    if agree(min(everything), max(everything), factor):
        return None
    return find_consensus(claims, factor)


def settle_sums(
    opinions: Opinions, union: Union, rules: MergeRules, cut: Cutoffs
) -> Consensus | None:
    """Return what most agree on where a pool that claims to be a market contradicts it.

    All pools are one voter beside the sources' prices of the token: a second source of the same
    pools must not change what is added. Pools whose price is thin or stale do not vote.
    """
    factor = 1 + rules.disagree_pct / 100
    claims = {source: [price.price] for source, price in opinions.whole.items()}
    voting = [
        view.pool.price
        for view in union.quotes
        if view.weight.standing == "deep" and view.observed_ms > cut.price and view.pool.price
    ]
    if voting:
        claims["pools"] = voting
    claimed = [view.pool.price or 0.0 for view in sizable(union, rules)]
    if len(claims) < 2 or not claimed:
        return None
    everything = [*claimed, *[price for prices in claims.values() for price in prices]]
    if agree(min(everything), max(everything), factor):
        return None
    return find_consensus(claims, factor)


def find_outvoted(opinions: Opinions, consensus: Consensus | None) -> frozenset[str]:
    """Return the sources whose price of the whole token contradicts the consensus."""
    if consensus is None:
        return frozenset()
    return frozenset(
        source for source, price in opinions.whole.items() if consensus.contradicts(price.price)
    )


def source_prices(opinions: Opinions, consensus: Consensus | None) -> list[SourcePrice]:
    """Return each source's own fresh price, by source; of a source with pools, its best pool's.

    With a consensus, only those that do not contradict it.
    """
    prices = []
    for source in sorted({*opinions.views, *opinions.whole}):
        price = _of_pools(source, opinions, consensus) or _agreed(
            opinions.whole.get(source), consensus
        )
        if price is not None:
            prices.append(price)
    return prices


def _of_pools(source: str, opinions: Opinions, consensus: Consensus | None) -> SourcePrice | None:
    views = opinions.views.get(source)
    if views and consensus is not None:
        views = [view for view in views if agrees(view, consensus)]
    if not views:
        return None
    best = max(views, key=by_turnover if opinions.thin else say)
    # Only pools that may set the price weigh, or a crowd of thin ones would move it after all.
    weight = fsum([view.weight.weight for view in views])
    return SourcePrice(source, best.pool.price or 0.0, weight, best)


def _agreed(price: SourcePrice | None, consensus: Consensus | None) -> SourcePrice | None:
    if price is None or consensus is None or not consensus.contradicts(price.price):
        return price
    return None


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


class Blend(Struct, frozen=True):
    """The mean of the prices `kept`; the others of `weighted` are too far from the median."""

    value: float
    kept: list[SourcePrice]
    weighted: list[SourcePrice]


def blend(prices: list[SourcePrice], outlier_pct: float) -> Blend | None:
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
    value = min(max(mean, kept[0].price), kept[-1].price)
    return Blend(value, kept, weighted)


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
