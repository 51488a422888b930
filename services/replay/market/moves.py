"""How prices, volumes and liquidity move. Everything is a function of (key, time)."""

from __future__ import annotations

from functools import lru_cache
from math import exp, log, pi, sin, sqrt
from typing import Final

from services.replay.market.model import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    WINDOW_MS,
    Flow,
    LaunchPlan,
    MarketToken,
    Pool,
)
from services.replay.market.noise import normal, smooth, uniform

# (length of a step, weight): the sum of independent curves looks like a random walk from seconds
# to weeks, and cannot drift away as one would: it stays within some 6 deviations of the anchor.
SCALES: Final = (
    (7 * DAY_MS, 0.80),
    (DAY_MS, 0.45),
    (6 * HOUR_MS, 0.30),
    (HOUR_MS, 0.15),
    (10 * MINUTE_MS, 0.07),
    (MINUTE_MS, 0.025),
    (10_000, 0.010),
)
SPIKE_MS: Final = 20 * MINUTE_MS
SPIKE_CHANCE: Final = 0.01
_LULL_CHANCE: Final = 0.04  # share of the hours in which nobody trades a token
_SETBACK: Final = 0.08  # share of a curve that may be sold back before it rises again
DRAINED: Final = 0.02  # what is left of a price when the liquidity is gone


def spike(token: MarketToken, at_ms: int) -> float:
    """Return the logarithm of a rare jump: up to e^1.2 within two minutes, then gone again."""
    place, part_ms = divmod(at_ms, SPIKE_MS)
    if token.quote or uniform(token.key ^ 0x51, place) >= SPIKE_CHANCE:
        return 0.0
    part = part_ms / SPIKE_MS
    shape = part * 10 if part < 0.1 else (1 - part) / 0.9
    return 1.2 * shape * (1 if uniform(token.key ^ 0x52, place) < 0.65 else -0.7)


@lru_cache(maxsize=65_536)
def _lull(key: int, hour: int) -> bool:
    return uniform(key ^ 0x11, hour) < _LULL_CHANCE


def lull(token: MarketToken, hour: int) -> bool:
    """Return whether nobody trades the token in this hour (hours since 1970).

    Newcomers have no lull: they are traded from their first minute until they die.
    """
    return not (token.quote or token.born_ms) and _lull(token.key, hour)


def progress(launch: LaunchPlan, at_ms: int) -> float:
    """Return which share of its curve is sold, 0 to 1; 1 not before it is complete.

    It rises with short setbacks. One that stalls gets near its reach and stays there.
    """
    if launch.completes_ms and at_ms >= launch.completes_ms:
        return 1.0
    part = max(0, at_ms - launch.born_ms) / launch.climb_ms
    wave = 0.03 * smooth(launch.born_ms ^ 0x17, at_ms / 20_000)
    wave = max(-_SETBACK / 2, min(_SETBACK / 2, wave))
    if launch.completes_ms:
        return min(0.995, max(0.0, part + 4 * wave * part * (1 - part)))
    return min(0.995, max(0.0, launch.reach * (1 - exp(-3 * part)) * (1 + wave)))


def curve_ratio(sold: float) -> float:
    """Return the price at a place of the curve, by that at its end: of constant product."""
    return ((30 + 85 * sold) / 115) ** 2


def drained(token: MarketToken, at_ms: int) -> bool:
    """Return whether somebody has taken the liquidity."""
    return 0 < token.drained_ms <= at_ms


def last_traded_ms(token: MarketToken, at_ms: int) -> int:
    """Return the last moment up to `at_ms` at which the price could move."""
    if token.dies_ms:
        at_ms = min(at_ms, token.dies_ms)
    hour = at_ms // HOUR_MS
    if not lull(token, hour):
        return at_ms
    while lull(token, hour - 1):
        hour -= 1
    return hour * HOUR_MS - 1


def _walk(token: MarketToken, at_ms: int) -> float:
    return sum(
        weight * smooth(token.key + index, at_ms / step)
        for index, (step, weight) in enumerate(SCALES)
    )


def price(token: MarketToken, at_ms: int) -> float:
    """Return the token's price in USD; it stands still while nobody trades.

    On a curve it is what the curve says, and where that ends it goes on from there.
    """
    at_ms = last_traded_ms(token, max(at_ms, token.born_ms))
    left = DRAINED if drained(token, at_ms) else 1.0
    if token.launch and token.born_ms:
        sold = progress(token.launch, at_ms)
        if sold < 1:
            return token.price * curve_ratio(sold) * left
        moved = _walk(token, at_ms) - _walk(token, token.launch.completes_ms)
        return token.price * exp(token.volatility * moved) * left
    walk = _walk(token, at_ms)
    return token.price * exp(token.volatility * walk + spike(token, at_ms)) * left


def pool_spread(pool: Pool, at_ms: int) -> float:
    """Return the factor by which a pool's price is off the token's: a fraction of a percent."""
    return 1 + 0.0012 * smooth(pool.key ^ 0x21, at_ms / (3 * MINUTE_MS))


def liquidity(pool: Pool, at_ms: int, price_ratio: float) -> float:
    """Return the pool's liquidity; half of it is the token, so it follows the price's root.

    That root is also what a curve holds on its way, until it goes to the exchange.
    """
    launch = pool.token.launch
    if pool.curve and launch and 0 < launch.graduates_ms <= at_ms:
        return 0.0
    if drained(pool.token, at_ms):
        return 0.01 + 0.9 * uniform(pool.key ^ 0x23)
    if pool.curve:
        return pool.liquidity * sqrt(price_ratio)
    moved = exp(0.08 * smooth(pool.key ^ 0x22, at_ms / (6 * HOUR_MS)))
    return pool.liquidity * moved * sqrt(price_ratio)


def _unevenness(pool: Pool) -> float:
    """Return how unevenly a pool is traded; newcomers are traded all the time until they die."""
    return 0.6 if pool.token.born_ms else 1.0


def hour_volume(pool: Pool, hour: int) -> float:
    """Return what was traded in an hour (hours since 1970), in USD."""
    if any(lull(side, hour) for side in pool.sides):
        return 0.0
    return pool.volume / 24 * exp(0.5 * _unevenness(pool) * normal(pool.key ^ 0x31, hour))


def hour_share(pool: Pool, hour: int, part: float) -> float:
    """Return which share of an hour's volume was traded in its first `part` (0 to 1), rising."""
    share = part
    for weight, turns, angle in waves(pool, hour):
        share += weight * (sin(2 * pi * turns * part + angle) - sin(angle))
    return share


def waves(pool: Pool, hour: int) -> tuple[tuple[float, int, float], tuple[float, int, float]]:
    """Return the waves, (weight, turns, angle), by which an hour is traded unevenly."""
    slow, fast = uniform(pool.key ^ 0x32, hour), uniform(pool.key ^ 0x33, hour)
    uneven = _unevenness(pool)
    # The slope, 1 + a cos + b cos, never falls below 0 as a + b <= 0.9.
    return (
        (uneven * 0.5 * fast / (2 * pi), 1, 2 * pi * slow),
        (uneven * 0.4 * slow / (2 * pi * 12), 12, 2 * pi * fast),
    )


def _volumes(pool: Pool, start_ms: int, at_ms: int) -> dict[str, float]:
    """Return the volume of each window up to `at_ms`; nothing was traded before `start_ms`."""
    this_hour = at_ms // HOUR_MS
    hours = {back: hour_volume(pool, this_hour - back) for back in range(25)}
    head = hours[0] * hour_share(pool, this_hour, (at_ms % HOUR_MS) / HOUR_MS)
    volumes = {}
    for name, length in WINDOW_MS.items():
        from_ms = max(at_ms - length, start_ms)
        if from_ms >= at_ms:
            volumes[name] = 0.0
            continue
        from_hour = from_ms // HOUR_MS
        back = this_hour - from_hour
        before = hours[back] * hour_share(pool, from_hour, (from_ms % HOUR_MS) / HOUR_MS)
        whole = sum(hours[b] for b in range(1, back + 1))
        volumes[name] = max(0.0, head + whole - before)
    return volumes


def end_ms(pool: Pool) -> int:
    """Return from when on nobody trades the pool; 0: it goes on."""
    ends = (pool.ends_ms, *(side.dies_ms for side in pool.sides))
    return min((end for end in ends if end), default=0)


def volume_between(pool: Pool, start_ms: int, length_ms: int) -> float:
    """Return the USD traded in a part of one hour, or in whole hours, while the pool was open."""
    closed_ms = end_ms(pool)
    if start_ms < pool.created_ms or (closed_ms and start_ms >= closed_ms):
        return 0.0
    hour, part_ms = divmod(start_ms, HOUR_MS)
    if length_ms >= HOUR_MS:
        return sum(hour_volume(pool, hour + later) for later in range(length_ms // HOUR_MS))
    upto = (part_ms + length_ms) / HOUR_MS
    share = hour_share(pool, hour, upto) - hour_share(pool, hour, part_ms / HOUR_MS)
    return max(0.0, hour_volume(pool, hour) * share)


def flows(pool: Pool, start_ms: int, at_ms: int) -> dict[str, Flow]:
    """Return volume, buys and sells of each window; a longer window never has less.

    The share of buys is one for all windows, and rounding keeps order, so neither buys nor sells
    can shrink as the window grows. A volume too small for one trade is none.
    """
    ends_ms = end_ms(pool) or at_ms
    volumes = _volumes(pool, start_ms, min(at_ms, ends_ms))
    if ends_ms < at_ms:  # what was traded before the end leaves one window after the other
        late_ms = at_ms - ends_ms
        for name, length in WINDOW_MS.items():
            volumes[name] *= max(0.0, 1 - late_ms / length)
    share = 0.5 + 0.06 * smooth(pool.key ^ 0x41, at_ms / (2 * HOUR_MS)) + 0.12 * pool.curve
    result, least = {}, Flow()
    for name in WINDOW_MS:
        trades = int(volumes[name] / pool.trade)
        buys = int(trades * share + 0.5)
        if trades:
            volume = max(least.volume, volumes[name])
            least = Flow(volume, max(least.buys, buys), max(least.sells, trades - buys))
        result[name] = least if trades else Flow()
    return result


def change_pct(now: float, before: float) -> float:
    return (now / before - 1) * 100


def magnitude(key: int, low: float, high: float) -> float:
    """Return a number between two bounds, evenly over orders of magnitude."""
    return exp(log(low) + (log(high) - log(low)) * uniform(key))
