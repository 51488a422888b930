"""The union of a token's pools over all sources (DESIGN.md 4.2, 4.3): each pool counts once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import fsum

from msgspec import Struct

from services.aggregator.policy import MergeRules
from services.aggregator.readings import SourceReading, is_dead
from shared.model import LIMIT, PoolReading


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


def total(union: Union, field: str) -> float | int | None:
    """Return the sum of a figure over the pools that know it; None when none does.

    A sum that no honest figure reaches is not known either. Exact, so that it does not depend on
    the order of the pools.
    """
    known = [figure for view in union.sums if (figure := getattr(view.pool, field)) is not None]
    if not known:
        return None
    added: float | int = sum(known) if isinstance(known[0], int) else fsum(known)
    return added if added < LIMIT else None


def price_pool(union: Union, rules: MergeRules, cut: Cutoffs) -> PricePool | None:
    """Return the pool that tells the price, None when none has one.

    The deepest at or above the floor; only when there is none, the most-traded below it. Among
    either, those whose price is fresh come first, then the last to have been.
    """
    priced = [view for view in union.quotes if view.pool.price]
    deep = [view for view in priced if is_deep(view, rules)]
    if deep:
        return PricePool(max(_freshest(deep, cut), key=depth), thin=False)
    if priced:
        return PricePool(max(_freshest(priced, cut), key=turnover), thin=True)
    return None


def is_deep(view: View, rules: MergeRules) -> bool:
    """Tell whether a pool has a price and the depth to be believed."""
    return bool(view.pool.price) and (view.pool.liquidity or 0.0) >= rules.min_pool_liquidity


def depth(view: View) -> tuple[float, float, str]:
    """Order pools by liquidity, then 24 h volume, then address."""
    return (_known(view.pool.liquidity), _known(view.pool.volume_24h), view.pool.pool_address)


def turnover(view: View) -> tuple[float, float, str]:
    """Order pools by 24 h volume, then liquidity, then address."""
    return (_known(view.pool.volume_24h), _known(view.pool.liquidity), view.pool.pool_address)


def _known(value: float | None) -> float:
    return -1.0 if value is None else value


def _freshest(views: list[View], cut: Cutoffs) -> Iterable[View]:
    fresh = [view for view in views if view.observed_ms > cut.price]
    if fresh:
        return fresh
    newest_ms = max(view.observed_ms for view in views)
    return [view for view in views if view.observed_ms == newest_ms]
