"""The union of a token's pools over all sources (docs/DATA.md): each pool counts once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from math import fsum
from operator import attrgetter
from typing import Final

from msgspec import Struct

from shared.merge.consensus import Consensus
from shared.merge.policy import MergeRules
from shared.merge.readings import SourceReading, StampedPool
from shared.merge.standing import Weight, turnover, weigh
from shared.merge.verdicts import Reason
from shared.model import LIMIT, PoolReading, fields_of

STALE, RARE, STEADY = range(3)
_TRADED: Final = frozenset(("deep", "thin"))


class Cutoffs(Struct, frozen=True):
    """Times (ms); what was observed at or before them is not fresh."""

    price: int
    sums: int
    gap: int = 10**15  # a pool not seen for longer than this (ms) between two looks is seen rarely


class PoolView(Struct, frozen=True, gc=False):
    """A pool as one source sees it, how much that counts, and how far its price can be relied on.

    `steadiness`: STEADY, RARE (for now), or STALE (not any more).
    """

    source: str
    pool: PoolReading
    observed_ms: int
    before_ms: int
    weight: Weight
    steadiness: int


# By what pools are left out, one after the other, before the one with the most to say is taken.
FUNNEL: Final[tuple[Reason, ...]] = ("not_in_order", "thin", "outvoted", "rare")


class PricePool(Struct, frozen=True):
    """The pool that gives the price, or would.

    `thin`: no pool is traded enough to be believed. `outvoted`: none agrees with most sources, so
    that this one proves nothing. `stages`: the pools that were left after each of FUNNEL.
    """

    view: PoolView
    thin: bool
    outvoted: bool
    stages: tuple[list[PoolView], ...]

    def verdict(self, view: PoolView) -> Reason:
        """Return why another pool that has a price does not give it."""
        for reason, left in zip(FUNNEL, self.stages, strict=True):
            if not any(view is each for each in left):
                return "stale" if reason == "rare" and view.steadiness != RARE else reason
        return "smaller"


class Union(Struct, frozen=True):
    """The live pools of a token by address, each from one source.

    `sums` is for adding up: the first source whose view is fresh, so that a pool does not flip
    between sources at each poll. `quotes` is for the price, which grows old sooner: the first
    source whose price can be relied on most.
    """

    sums: list[PoolView]
    quotes: list[PoolView]


class Pools(Struct, frozen=True):
    """All fresh pools: by source as each sees them, and each once, traded ones and others apart."""

    by_source: dict[str, list[PoolView]]
    traded: Union
    untraded: Union

    def views(self) -> dict[tuple[str, str], PoolView]:
        """Return all fresh views by source and address."""
        return {
            (source, view.pool.pool_address): view
            for source, views in self.by_source.items()
            for view in views
        }


def look_at_pools(readings: Mapping[str, SourceReading], rules: MergeRules, cut: Cutoffs) -> Pools:
    """Return the fresh pools of the sources whose pools are used."""
    by_source = {
        source: _look(source, readings[source].pools.values(), rules, cut)
        for source in rules.pool_sources
        if source in readings and readings[source].pools
    }
    return _unite(by_source)


def _look(
    source: str, pools: Iterable[StampedPool], rules: MergeRules, cut: Cutoffs
) -> list[PoolView]:
    seen = [(held, weigh(held.pool, rules)) for held in pools if held.observed_ms > cut.sums]
    watched = any(
        held.observed_ms - held.before_ms <= cut.gap
        and held.observed_ms > cut.price
        and weight.standing in _TRADED
        for held, weight in seen
    )
    return [
        PoolView(
            source,
            held.pool,
            held.observed_ms,
            held.before_ms,
            weight,
            _steadiness(held, cut, watched),
        )
        for held, weight in seen
    ]


def _steadiness(held: StampedPool, cut: Cutoffs, watched: bool) -> int:  # noqa: FBT001
    """Return how far a pool's price can be relied on.

    A price that is seen every four minutes and fresh for two would come and go with each look. So a
    pool that went stale before it was seen again gives way to others until it is seen steadily; and
    so does one that is seen for the first time where its source watches the token by other pools,
    unless it is new itself. What is past the bound for sums is not remembered.
    """
    if held.observed_ms <= cut.price:
        return STALE
    if held.observed_ms - held.before_ms <= cut.gap:
        return STEADY
    if is_remembered(held.before_ms, cut):
        return RARE
    created_ms = held.pool.created_ms or 0
    return RARE if watched and held.observed_ms - created_ms > cut.gap else STEADY


def is_remembered(before_ms: int, cut: Cutoffs) -> bool:
    """Return whether the look before the last one still says how steadily a pool is seen."""
    return before_ms > cut.sums


def _unite(by_source: dict[str, list[PoolView]]) -> Pools:
    """Take each pool from one source; a trade that one has seen was made, whatever others say."""
    sums: dict[str, PoolView] = {}
    quotes: dict[str, PoolView] = {}
    for views in by_source.values():
        for view in views:
            address = view.pool.pool_address
            held = quotes.get(address)
            if held is None:
                sums[address] = quotes[address] = view
                continue
            if _is_untraded(sums[address]) and not _is_untraded(view):
                sums[address] = view
            if _is_better(view, held):
                quotes[address] = view
    traded, untraded = Union([], []), Union([], [])
    for address, view in sums.items():
        standing, quote = view.weight.standing, quotes[address]
        if standing != "dead":
            union = untraded if standing == "untraded" else traded
            union.sums.append(view)
            if quote.weight.standing != "dead":
                union.quotes.append(quote)
    return Pools(by_source, traded, untraded)


def join(union: Union, other: Union) -> Union:
    """Return the pools of both."""
    return Union([*union.sums, *other.sums], [*union.quotes, *other.quotes])


def sizable(union: Union, rules: MergeRules) -> list[PoolView]:
    """Return the priced views of pools that claim liquidity enough to be a market.

    The price of a smaller pool moves with any trade. On a curve, whose liquidity is not known, it
    stands still after the token moved on, but what was traded there before was traded.
    """
    least = rules.min_pool_liquidity
    return [
        view for view in union.quotes if view.pool.price and (view.pool.liquidity or 0.0) >= least
    ]


def outvoted_pools(union: Union, consensus: Consensus | None, rules: MergeRules) -> frozenset[str]:
    """Return the addresses of the pools whose price contradicts the consensus: they add nothing."""
    if consensus is None:
        return frozenset()
    return frozenset(
        view.pool.pool_address for view in sizable(union, rules) if not agrees(view, consensus)
    )


def without(union: Union, addresses: Collection[str]) -> Union:
    """Return the union without what these pools add; their prices stay."""
    if not addresses:
        return union
    sums = [view for view in union.sums if view.pool.pool_address not in addresses]
    return Union(sums, union.quotes)


def _is_better(view: PoolView, held: PoolView) -> bool:
    if _is_untraded(view) != _is_untraded(held):
        return _is_untraded(held)
    return view.steadiness > held.steadiness


def _is_untraded(view: PoolView) -> bool:
    return view.weight.standing == "untraded"


# What is added up over pools.
SUMMED: Final = fields_of("sum", "trades", "side")
_traded_of = attrgetter(*SUMMED[1:])


def totals(union: Union) -> dict[str, float | int]:
    """Return the sums by field over the pools that know it; absent where none does.

    Of liquidity the backed part counts. A sum that no honest figure reaches is not known either.
    Exact, so that it does not depend on the order of the pools.
    """
    sums: dict[str, float | int] = {}
    columns = zip(*[figures_of(view) for view in union.sums], strict=True)
    for field, column in zip(SUMMED, columns, strict=False):  # no columns where there is no pool
        known = [each for each in column if each is not None] if None in column else column
        if known:
            added: float | int = fsum(known) if isinstance(known[0], float) else sum(known)
            if added < LIMIT:
                sums[field] = added
    return sums


def figures_of(view: PoolView) -> tuple[float | int | None, ...]:
    """Return what a pool adds to the sums, in the order of SUMMED; an untraded one only zeros."""
    traded = _traded_of(view.pool)
    if view.weight.standing == "untraded":
        traded = tuple(figure if figure == 0 else None for figure in traded)
    return (view.weight.counted, *traded)


def price_pool(pools: Pools, consensus: Consensus | None) -> PricePool | None:
    """Return the pool that gives the price, None when none has one.

    The deep one with the most to say; only when there is none, the most-traded thin one. Among
    either, those that do not contradict the consensus come first, then those whose price is seen
    steadily, then the fresh, then the last to be so.
    """
    priced = [view for view in pools.traded.quotes if view.pool.price]
    if not priced:
        return None
    deep = [view for view in priced if view.weight.standing == "deep"]
    agreed = standing = deep or priced
    if consensus is not None:
        agreed = [view for view in standing if agrees(view, consensus)]
    steady = _freshest(agreed or standing)
    best = max(steady, key=say if deep else by_turnover)
    return PricePool(best, not deep, not agreed, (priced, standing, agreed, steady))


def agrees(view: PoolView, consensus: Consensus | None) -> bool:
    """Return whether a pool's price does not contradict the consensus."""
    return consensus is None or not consensus.contradicts(view.pool.price or 0.0)


def last_resort(pools: Pools, rules: MergeRules) -> PricePool | None:
    """Return the untraded pool that gives the price where nothing else does."""
    priced = [view for view in pools.untraded.quotes if view.pool.price]
    if not priced or "thin" not in rules.price_order:
        return None
    known = [view for view in priced if not view.pool.against_unknown] or priced
    steady = _freshest(known)
    best = max(steady, key=say)
    return PricePool(best, thin=True, outvoted=False, stages=(priced, known, known, steady))


def say(view: PoolView) -> tuple[float, float, float, str]:
    """Order pools by what is backed, then liquidity, then 24 h volume, then address."""
    pool = view.pool
    return (view.weight.say, _known(pool.liquidity), _known(pool.volume_24h), pool.pool_address)


def by_turnover(view: PoolView) -> tuple[float, float, float, str]:
    return turnover(view.pool)


def _known(value: float | None) -> float:
    return -1.0 if value is None else value


def _freshest(views: list[PoolView]) -> list[PoolView]:
    if len(views) == 1:
        return views
    most = max(view.steadiness for view in views)
    if most:
        return [view for view in views if view.steadiness == most]
    newest_ms = max(view.observed_ms for view in views)
    return [view for view in views if view.observed_ms == newest_ms]
