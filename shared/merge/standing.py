"""How much a pool's figures count (docs/DATA.md, "Pools"): as much as was traded in it.

A price and a depth are claims that anybody can make with a pool of his own. Trades against assets
that have a price elsewhere cost something, so what was traded backs what is claimed.
"""

from __future__ import annotations

from math import inf
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from shared.merge.policy import MergeRules
from shared.merge.readings import DEAD_LIQUIDITY
from shared.model import PoolReading

# deep: may set the price. thin: only where nothing better does. untraded: only where nothing else
# does; it adds nothing. dead: never.
Standing: TypeAlias = Literal["deep", "thin", "untraded", "dead"]
# What bounds a pool's weight: its own size, the asset it trades against (of unknown price), how
# much of that asset it holds, or its trades.
Limit: TypeAlias = Literal["size", "asset", "other", "trades"]
_UNKNOWN_ASSET: Final = -2.0  # below every volume, and below -1: a volume that is not known


class Weight(Struct, frozen=True, gc=False):
    """What a pool may do, and the USD by which it does it.

    `say` orders pools for the price. `weight` is the part of the liquidity that is backed by trades
    and the other token; all of it where nothing of these is known. `counted` is the liquidity that
    is added up; None: unknown. `limit` bounds all three.
    """

    standing: Standing
    say: float
    weight: float
    counted: float | None
    limit: Limit

    def is_capped(self, pool: PoolReading) -> bool:
        """Return whether less of the pool's liquidity is added up than it claims."""
        return self.counted != pool.liquidity


_DEAD: Final = Weight("dead", 0.0, 0.0, None, "size")
_UNTRADED: Final = Weight("untraded", 0.0, 0.0, None, "trades")


def weigh(pool: PoolReading, rules: MergeRules) -> Weight:
    """Return how much a pool's figures count."""
    liquidity, volume, trades = pool.liquidity or 0.0, pool.volume_24h, pool.transactions_24h
    if liquidity < DEAD_LIQUIDITY and pool.liquidity is not None:
        return _DEAD
    if trades == 0 or (trades is None and volume == 0):
        return _UNTRADED
    # What is not known bounds nothing.
    backing = inf if volume is None else volume * rules.backing_per_volume
    limit: Limit = "trades"
    if pool.against_unknown:
        backing, limit = 0.0, "asset"
    elif trades is not None:
        backing = min(backing, trades * rules.backing_per_trade)
    other = pool.other_liquidity
    if other is not None and other * rules.backing_per_other < backing:
        backing, limit = other * rules.backing_per_other, "other"
    weight, most = backing, backing * rules.liquidity_per_backing
    if liquidity <= backing:
        weight, limit = liquidity, "size"
    # A pool of unknown volume may set the price, after all that are known to trade.
    say = weight if volume is not None else min(weight, rules.min_pool_liquidity)
    added = min(liquidity, most)
    counted = added if added >= DEAD_LIQUIDITY else None
    if pool.price and say >= rules.min_pool_liquidity and liquidity <= most:
        return Weight("deep", say, weight, counted, limit)
    return Weight("thin", say, weight, counted, limit)


def turnover(pool: PoolReading) -> tuple[float, float, float, str]:
    """Order thin pools by 24 h volume, those against unknown assets last; then by liquidity."""
    volume = -1.0 if pool.volume_24h is None else pool.volume_24h
    liquidity = -1.0 if pool.liquidity is None else pool.liquidity
    return (
        _UNKNOWN_ASSET if pool.against_unknown else volume,
        volume,
        liquidity,
        pool.pool_address,
    )
