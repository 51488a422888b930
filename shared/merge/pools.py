"""The union of a token's pools over all sources (docs/DATA.md): each pool counts once."""

from __future__ import annotations

from collections.abc import Mapping
from math import fsum
from operator import attrgetter
from typing import Final

from msgspec import Struct

from shared.merge.policy import MergeRules
from shared.merge.readings import SourceReading, StampedPool, is_dead
from shared.model import LIMIT, WINDOWS, PoolReading


class Cutoffs(Struct, frozen=True):
    """Times (ms); what was observed at or before them is not fresh."""

    price: int
    sums: int
    gap: int = 10**15  # a pool not seen for longer than this (ms) between two looks is seen rarely


class View(Struct, frozen=True, gc=False):
    """A pool as one source sees it."""

    source: str
    pool: PoolReading
    observed_ms: int
    before_ms: int = 0

    def steadiness(self, cut: Cutoffs) -> int:
        """Return how far its price can be relied on: 2 steadily, 1 for now, 0 not any more.

        A price that is seen every four minutes and fresh for two would come and go with each look.
        So a pool that went stale before it was seen again gives way to others until it is seen
        steadily. What is past the bound for sums is not remembered, a return begins anew.
        """
        if self.observed_ms <= cut.price:
            return 0
        rare = self.before_ms > cut.sums and self.observed_ms - self.before_ms > cut.gap
        return 1 if rare else 2


class PricePool(Struct, frozen=True):
    """The pool that tells the price; thin when no pool has the depth to be believed."""

    view: View
    thin: bool


class Union(Struct, frozen=True):
    """The live pools of a token by address, each from one source.

    `sums` is for adding up: the first source whose view is fresh, so that a pool does not flip
    between sources at each poll. `quotes` is for the price, which grows old sooner: the first
    source whose price can be relied on most.
    """

    sums: list[View]
    quotes: list[View]


def unite(readings: Mapping[str, SourceReading], sources: tuple[str, ...], cut: Cutoffs) -> Union:
    """Return the pools that count: fresh, and not known to be dead."""
    sums: dict[str, View] = {}
    quotes: dict[str, View] = {}
    for source in sources:
        reading = readings.get(source)
        if reading is None:
            continue
        for address, stamped in reading.pools.items():
            if stamped.observed_ms <= cut.sums:
                continue
            held = quotes.get(address)
            if held is None:
                sums[address] = quotes[address] = _view(source, stamped)
            elif held.steadiness(cut) < 2:
                view = _view(source, stamped)
                if view.steadiness(cut) > held.steadiness(cut):
                    quotes[address] = view
    live = [address for address, view in sums.items() if not is_dead(view.pool)]
    return Union(
        [sums[address] for address in live],
        [quotes[address] for address in live if not is_dead(quotes[address].pool)],
    )


def _view(source: str, stamped: StampedPool) -> View:
    return View(source, stamped.pool, stamped.observed_ms, stamped.before_ms)


# What is added up over pools.
SUMMED: Final = (
    "liquidity",
    *(f"{kind}_{window}" for kind in ("volume", "transactions") for window in WINDOWS),
    "buys_24h",
    "sells_24h",
)
_summed_of = attrgetter(*SUMMED)


def totals(union: Union) -> dict[str, float | int]:
    """Return the sums by field over the pools that know it; absent where none does.

    A sum that no honest figure reaches is not known either. Exact, so that it does not depend on
    the order of the pools.
    """
    columns = zip(*[_summed_of(view.pool) for view in union.sums], strict=True)
    sums: dict[str, float | int] = {}
    for field, column in zip(SUMMED, columns, strict=False):  # no columns where there is no pool
        known = [figure for figure in column if figure is not None]
        if known:
            added: float | int = sum(known) if isinstance(known[0], int) else fsum(known)
            if added < LIMIT:
                sums[field] = added
    return sums


def price_pool(union: Union, rules: MergeRules, cut: Cutoffs) -> PricePool | None:
    """Return the pool that tells the price, None when none has one.

    The deepest at or above the floor; only when there is none, the most-traded below it. Among
    either, those whose price is seen steadily come first, then the fresh, then the last to be so.
    """
    priced = [view for view in union.quotes if view.pool.price]
    deep = [view for view in priced if is_deep(view.pool, rules)]
    if deep:
        return PricePool(max(_freshest(deep, cut), key=lambda view: depth(view.pool)), thin=False)
    if priced:
        return PricePool(max(_freshest(priced, cut), key=lambda v: turnover(v.pool)), thin=True)
    return None


def is_deep(pool: PoolReading, rules: MergeRules) -> bool:
    """Tell whether a pool has a price and the depth to be believed."""
    return bool(pool.price) and (pool.liquidity or 0.0) >= rules.min_pool_liquidity


def depth(pool: PoolReading) -> tuple[float, float, str]:
    """Order pools by liquidity, then 24 h volume, then address."""
    return (_known(pool.liquidity), _known(pool.volume_24h), pool.pool_address)


def turnover(pool: PoolReading) -> tuple[float, float, str]:
    """Order pools by 24 h volume, then liquidity, then address."""
    return (_known(pool.volume_24h), _known(pool.liquidity), pool.pool_address)


def _known(value: float | None) -> float:
    return -1.0 if value is None else value


def _freshest(views: list[View], cut: Cutoffs) -> list[View]:
    steadiness = [view.steadiness(cut) for view in views]
    most = max(steadiness)
    if most:
        return [view for view, each in zip(views, steadiness, strict=True) if each == most]
    newest_ms = max(view.observed_ms for view in views)
    return [view for view in views if view.observed_ms == newest_ms]
