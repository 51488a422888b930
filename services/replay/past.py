"""The replayed market's own past, for the history of a demo: hours of all tokens, and minutes.

The market is a function of time, so its past is as real as its present. It is handed over marked as
the replay's (origin `replay`), never as something that was sampled, and only of intervals that
were over when the replay began.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Final

from redis.exceptions import RedisError

from services.replay.market.market import Market
from services.replay.market.model import MarketToken
from services.replay.market.paths import Bar, bars
from services.replay.settings import ReplaySettings
from shared.history.candle import SECONDS, Tier
from shared.history.foreign import (
    OF_REPLAY,
    ForeignBar,
    ForeignCandles,
)
from shared.history.handover import hand_over
from shared.keys import Keys
from shared.process.logs import get_logger
from shared.redis.connect import UNREACHABLE, Redis, open_redis

log = get_logger(__name__)

# Minutes of the whole time for those that usually trade most; of the others of the last hours.
LEADERS_ONLY: Final = 60
MINUTES_OF_ALL_S: Final = 2 * 3_600
BEGIN_S: Final = 4.0  # after the start: until then every service is busy with starting
_PAUSE_S: Final = 0.005  # a token takes 2 to 15 ms, and answers go on in between
_WAIT_S: Final = 0.1
_DIGITS: Final = 8


def past_of(market: Market, now_ms: int, hours: int) -> Iterator[ForeignCandles]:
    """Yield the past of each token: hours of all, then minutes, those that trade most first."""
    snapshot = market.at(now_ms)
    leaders = list(market.leaders["all"])[:LEADERS_ONLY]
    leading = {token.key for token in leaders}
    others = [token for token in market.listed["all"] if token.key not in leading]
    for token in (*leaders, *others, *snapshot.newcomers):
        yield from _candles(market, token, now_ms // 1000, hours * 3_600, "1h")
    for token in leaders:
        yield from _candles(market, token, now_ms // 1000, hours * 3_600, "1m")
    for token in (*snapshot.newcomers, *others):
        yield from _candles(market, token, now_ms // 1000, MINUTES_OF_ALL_S, "1m")


def _candles(
    market: Market, token: MarketToken, now_s: int, length_s: int, tier: Tier
) -> Iterator[ForeignCandles]:
    step = SECONDS[tier]
    upto = now_s // step * step
    pools = tuple(pool for pool in market.pools_of(token) if pool.token is token)
    found = bars(token, pools, upto - length_s // step * step, upto, step)
    if found:
        yield ForeignCandles(
            id=f"{token.chain}:{token.canonical}",
            tier=tier,
            origin=OF_REPLAY,
            bars=[_rounded(bar) for bar in found],
        )


def _rounded(bar: Bar) -> ForeignBar:
    o, h, low, c = (float(f"{price:.{_DIGITS}g}") for price in (bar.o, bar.h, bar.l, bar.c))
    return ForeignBar(bar.t, o, h, low, c, round(bar.volume, 2))


async def hand_over_past(
    settings: ReplaySettings, market: Market, now_ms: Callable[[], int]
) -> None:
    """Hand the past over once, as fast as the recorder takes it; then rest until cancelled."""
    await asyncio.sleep(BEGIN_S)
    keys = Keys(settings.redis_prefix)
    try:
        async with open_redis(settings.redis) as redis:
            sent = await _hand_over(
                redis, keys, past_of(market, now_ms(), settings.replay_past_hours)
            )
        log.info("replay_past", candles=sent)
    except RedisError as error:
        log.warning("replay_past_failed", error=str(error)[:200])
    await asyncio.Event().wait()


async def _hand_over(redis: Redis, keys: Keys, past: Iterable[ForeignCandles]) -> int:
    sent = 0
    for candles in past:
        await asyncio.sleep(_PAUSE_S)
        while True:
            with suppress(*UNREACHABLE):
                if await hand_over(redis, keys, candles):
                    break
            await asyncio.sleep(_WAIT_S)
        sent += len(candles.bars)
    return sent
