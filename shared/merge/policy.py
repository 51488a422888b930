"""The settings of the merge rules: bounds, floors and orders; docs/DATA.md explains them."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, Literal

from msgspec import Struct

from shared.model import is_posted
from shared.sources import polled

NOWHERE: Final = float("inf")  # the place of what an order leaves out


class MergeRules(Struct, frozen=True, kw_only=True):
    """The settings of the merge; one value for the life of an aggregator.

    `pool_sources`: whose pools count, the most trusted first; pools of other sources are ignored.
    `price_order`: who sets the price. `pools` (deep ones), `thin` and `ingest` are classes, shut
    out by leaving them out; every other word is a source's name. Sources that are not named come
    after those that are, and before `ingest`. `name_order`: whose name is shown, by the same words.
    """

    min_pool_liquidity: float = 1_000.0  # USD; a pool below it sets no price while one is above
    backing_per_volume: float = 100.0  # USD of a pool that each USD of its 24 h volume backs
    backing_per_trade: float = 20_000.0  # and at most for each of its trades
    backing_per_other: float = 10.0  # and for each USD of the other token that the pool holds
    liquidity_per_backing: float = 100.0  # USD of liquidity that count per backed USD, at most
    price_stale_ms: int = 120_000
    sums_stale_ms: int = 600_000
    dead_after_ms: int = 24 * 3_600_000
    pool_sources: tuple[str, ...] = polled("pools")
    price_order: tuple[str, ...] = ("pools", *polled("tokens"), "thin", "ingest")
    name_order: tuple[str, ...] = (*polled("tokens"), *polled("pools"), "ingest")
    price_rule: Literal["ranked", "weighted"] = "ranked"
    outlier_pct: float = 20.0  # `weighted` drops prices this far from the weighted median
    disagree_pct: float = 50.0  # prices further apart than this contradict each other

    @property
    def kept_ms(self) -> int:
        """How long a price is shown at most, when nobody has a fresh one."""
        return max(self.price_stale_ms, self.sums_stale_ms)


@lru_cache(maxsize=1024)
def rank(order: tuple[str, ...], source: str) -> float:
    """Return a source's place in an order; the smaller, the more trusted.

    All `ingest:*` producers share the place of `ingest`, or infinity when that is left out.
    """
    if source in order:
        return order.index(source)
    if is_posted(source):
        return order.index("ingest") if "ingest" in order else NOWHERE
    return order.index("ingest") - 0.5 if "ingest" in order else len(order)


@lru_cache(maxsize=1024)
def in_order(order: tuple[str, ...], sources: tuple[str, ...]) -> tuple[str, ...]:
    """Return the sources by their place in an order, equals by name."""
    return tuple(sorted(sources, key=lambda source: (rank(order, source), source)))
