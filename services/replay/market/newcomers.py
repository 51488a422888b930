"""Tokens that are born while the replay runs: most of them on a curve, of which many graduate.

What becomes of one follows from its number, so that one graduates in any minute: the even ones
do, one after a short climb and the next after a long one; of the odd ones half stall on their
curve, and half begin on an exchange.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from services.replay.market.generated import (
    address_from,
    address_of,
    chain_of,
    curve_pool,
    generate_pools,
    launchpad_of,
    name_of,
    trade_size,
)
from services.replay.market.model import MINUTE_MS, LaunchPlan, MarketToken, Pool
from services.replay.market.moves import magnitude
from services.replay.market.noise import key_of, mix, uniform

STAY_MS: Final = 30 * MINUTE_MS  # then a newcomer is forgotten
_TRADED_MS: Final = 25 * MINUTE_MS
_MIGRATION_MS: Final = 15_000  # from the end of the curve to the pool of the exchange
_LONGEST_CLIMB_MS: Final = 15 * MINUTE_MS
_END_OF_CURVE_USD: Final = 62_000  # what all of a token is worth there
_CURVE_DEPTH: Final = 0.56  # of that, what the curve holds at its end
_EXCHANGE_DEPTH: Final = 0.42
# Names that others made known, for those that hope to be taken for them.
_COPIED: Final = (("dogwifhat", "$WIF"), ("Bonk", "Bonk"), ("POPCAT", "POPCAT"))


def generate_newcomer(seed: int, birth: int, step_ms: int) -> MarketToken:
    """Return the token of a birth number; one is born each `step_ms`."""
    key, born_ms = key_of(seed, "newcomer", birth), birth * step_ms
    launch = _launch(key, birth, born_ms, step_ms)
    chain = _chain_of(key, birth)
    address, canonical = (
        address_from(launch.launchpad, chain, key) if launch else address_of(chain, key)
    )
    name, symbol, gecko_id = name_of(key)
    if uniform(key, 30) < 0.06:
        name, symbol = _COPIED[mix(key, 31) % len(_COPIED)]
    drained_ms = _drained_ms(key, launch, born_ms)
    supply = 1e9 if launch else float(10 ** (6 + mix(key, 2) % 5))
    curve_end = _END_OF_CURVE_USD * (0.9 + 0.2 * uniform(key, 3))
    valued = curve_end if launch else magnitude(mix(key, 3), 20_000, 200_000)
    return MarketToken(
        key=key,
        chain=chain,
        address=address,
        canonical=canonical,
        name=name,
        symbol=symbol,
        decimals=6 if chain == "solana" else 18,
        price=valued / supply,
        supply=supply,
        circulating=supply,
        volatility=0.5 + 0.4 * uniform(key, 6) ** 2,
        born_ms=born_ms,
        dies_ms=drained_ms + 2 * MINUTE_MS if drained_ms else born_ms + _TRADED_MS,
        drained_ms=drained_ms,
        washed=uniform(key, 32) < (0.08 if launch else 0.25),
        launch=launch,
        gecko_id=gecko_id if uniform(key, 7) < 0.1 else None,
    )


def _chain_of(key: int, birth: int) -> str:
    if birth % 4 == 3:
        return chain_of(key)
    # The short climbs are all of Solana, where every source sees them.
    return "bsc" if birth % 4 and uniform(key, 33) < 0.25 else "solana"


def _launch(key: int, birth: int, born_ms: int, step_ms: int) -> LaunchPlan | None:
    role = birth % 4
    if role == 3:
        return None
    launchpad = launchpad_of(_chain_of(key, birth), key)
    if role == 1:
        return LaunchPlan(
            launchpad=launchpad,
            born_ms=born_ms,
            climb_ms=12 * MINUTE_MS,
            reach=0.1 + 0.85 * uniform(key, 34),
        )
    # A climb is so many births long that one graduates about each second birth.
    births = (8 if role == 0 else 20) + 0.3 * uniform(key, 35)
    climb_ms = min(int(births * step_ms), _LONGEST_CLIMB_MS)
    completes_ms = born_ms + climb_ms
    return LaunchPlan(
        launchpad=launchpad,
        born_ms=born_ms,
        climb_ms=climb_ms,
        completes_ms=completes_ms,
        graduates_ms=completes_ms + _MIGRATION_MS,
    )


def _drained_ms(key: int, launch: LaunchPlan | None, born_ms: int) -> int:
    if uniform(key, 36) >= 0.2 or (launch and not launch.graduates_ms):
        return 0
    opened_ms = launch.graduates_ms if launch else born_ms
    return opened_ms + int((3 + 6 * uniform(key, 37)) * MINUTE_MS)


def newcomer_pools(token: MarketToken, quotes: tuple[MarketToken, ...]) -> tuple[Pool, ...]:
    """Return the pools of a newcomer, also those that open later; deepest first."""
    launch = token.launch
    if launch is None:
        return generate_pools(token, quotes)
    valued, turnover = token.price * token.supply, magnitude(mix(token.key, 13), 60, 300)
    curve = curve_pool(token, launch, quotes[0], valued * _CURVE_DEPTH, valued * 0.3 * turnover)
    if not launch.graduates_ms:
        return (curve,)
    key, exchange = key_of(token.key, "exchange"), launch.launchpad.exchange
    address, canonical = address_of(token.chain, key)
    volume = valued * _EXCHANGE_DEPTH * turnover
    pool = replace(
        curve,
        key=key,
        address=address,
        canonical=canonical,
        dex=exchange.name,
        gecko_dex=exchange.gecko,
        labels=exchange.labels,
        curve=False,
        liquidity=valued * _EXCHANGE_DEPTH,
        volume=volume,
        trade=trade_size(token, key, volume),
        created_ms=launch.graduates_ms,
        ends_ms=0,
    )
    return pool, curve
