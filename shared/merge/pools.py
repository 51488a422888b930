"""The union of a token's pools over all sources (DESIGN.md 4.2, 4.3): each pool counts once."""

from __future__ import annotations

from collections.abc import Mapping
from math import fsum
from operator import attrgetter
from typing import Final

from msgspec import Struct

from shared.merge.policy import MergeRules
from shared.merge.readings import SourceReading, is_dead
from shared.model import LIMIT, WINDOWS, PoolReading


class Cutoffs(Struct, frozen=True):
    """Times (ms); what was observed at or before them is not fresh."""

    price: int
    sums: int


class View(Struct, frozen=True, gc=False):
    """A pool as one source sees it."""

    source: str
    pool: PoolReading
    observed_ms: int


class PricePool(Struct, frozen=True):
    """The pool that tells the price; thin when no pool has the depth to be believed."""

    view: View
    thin: bool


class Union(Struct, frozen=True):
    """The live pools of a token by address, each from one source.

    `sums` is for adding up: the first source whose view is fresh, so that a pool does not flip
    between sources at each poll. `quotes` is for the price, which grows old sooner: the first
    source whose price is fresh, else the same view as in `sums`.
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
                sums[address] = quotes[address] = View(source, stamped.pool, stamped.observed_ms)
            elif held.observed_ms <= cut.price < stamped.observed_ms:
                quotes[address] = View(source, stamped.pool, stamped.observed_ms)
    live = [address for address, view in sums.items() if not is_dead(view.pool)]
    return Union(
        [sums[address] for address in live],
        [quotes[address] for address in live if not is_dead(quotes[address].pool)],
    )


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
    either, those whose price is fresh come first, then the last to have been.
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
    fresh = [view for view in views if view.observed_ms > cut.price]
    if fresh:
        return fresh
    newest_ms = max(view.observed_ms for view in views)
    return [view for view in views if view.observed_ms == newest_ms]
