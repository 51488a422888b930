"""How much a pool's figures count (docs/DATA.md, "Pools"): as much as was traded in it.

A price and a depth are claims that anybody can make with a pool of his own. Trades against assets
that have a price elsewhere cost something, so what was traded backs what is claimed.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from msgspec import Struct

from shared.merge.policy import MergeRules
from shared.merge.readings import DEAD_LIQUIDITY, is_dead
from shared.model import PoolReading

# deep: may set the price. thin: only where nothing better does. untraded: only where nothing else
# does; it adds nothing. dead: never.
Standing: TypeAlias = Literal["deep", "thin", "untraded", "dead"]
_UNKNOWN_ASSET: Final = -2.0  # below every volume, and below -1: a volume that is not known


class Weight(Struct, frozen=True, gc=False):
    """What a pool may do, and the USD by which it does it.

    `say` orders pools for the price. `weight` is the part of the liquidity that is backed; of a
    pool of unknown volume all of it. `counted` is the liquidity that is added up; None: unknown.
    """

    standing: Standing
    say: float
    weight: float
    counted: float | None


_DEAD: Final = Weight("dead", 0.0, 0.0, None)
_UNTRADED: Final = Weight("untraded", 0.0, 0.0, None)


def weigh(pool: PoolReading, rules: MergeRules) -> Weight:
    """Return how much a pool's figures count."""
    if is_dead(pool):
        return _DEAD
    if is_untraded(pool):
        return _UNTRADED
    liquidity = pool.liquidity or 0.0
    backing = backing_of(pool, rules)
    if backing is None:  # unknown is not 0: it may set the price, after all that are known to trade
        deep = pool.price and liquidity >= rules.min_pool_liquidity
        say = min(liquidity, rules.min_pool_liquidity)
        return Weight("deep" if deep else "thin", say, liquidity, pool.liquidity)
    most = backing * rules.liquidity_per_backing
    say = min(liquidity, backing)
    deep = pool.price and say >= rules.min_pool_liquidity and liquidity <= most
    counted = min(liquidity, most)
    return Weight(
        "deep" if deep else "thin", say, say, counted if counted >= DEAD_LIQUIDITY else None
    )


def backing_of(pool: PoolReading, rules: MergeRules) -> float | None:
    """Return the USD that a pool's trades of 24 h back; None: not known."""
    if pool.against_unknown:
        return 0.0
    if pool.volume_24h is None:
        return None
    backing = pool.volume_24h * rules.backing_per_volume
    if pool.transactions_24h is None:
        return backing
    return min(backing, pool.transactions_24h * rules.backing_per_trade)


def is_untraded(pool: PoolReading) -> bool:
    """Return whether nobody is known to have traded in a pool for 24 h."""
    if pool.transactions_24h is None:
        return pool.volume_24h == 0
    return pool.transactions_24h == 0


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
