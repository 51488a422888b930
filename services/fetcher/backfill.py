"""Back-fill: candles of the time before us, requested on the calls that are left.

For each token that is wanted (watched, top-ranked), the hours, days and minutes of the pool
that gives its price, once in a week. They go to the recorder as what they are: another's candles,
with their origin. One call at a time, never while another call waits, and no request waits for it.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Final

import msgspec
from redis.exceptions import RedisError

from services.fetcher.due import DueTokens
from services.fetcher.http import Upstreams
from services.fetcher.jobs import Leases
from services.fetcher.runner import HOT_METRIC, STORE_RETRY_S, WATCHED_MAX, WATCHED_MS
from services.fetcher.source import PoolCandles, Source
from shared.chains import split_token_id
from shared.errors import SourceError
from shared.history.candle import SECONDS, Tier
from shared.history.foreign import ForeignCandles
from shared.history.handover import hand_over, has_room
from shared.keys import Keys
from shared.process.logs import get_logger
from shared.redis.connect import UNREACHABLE, Redis

log = get_logger(__name__)

TIERS: Final[tuple[Tier, ...]] = ("1h", "1d", "1m")  # what a chart shows first comes first
AGAIN_S: Final = 7 * 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Backfill:
    """Requests the candles of one source; `top` of the tokens by volume, and the watched."""

    redis: Redis
    keys: Keys
    source: Source
    candles: PoolCandles
    upstreams: Upstreams
    leases: Leases
    due: DueTokens
    top: int

    async def run(self) -> None:
        """Run for ever, one call a turn; of all replicas one at a time."""
        key = self.keys.fetch_job(self.source.name, "candles")
        while True:
            try:
                wait_s = await self.leases.run(key, self.candles.interval_s, self.turn)
            except (RedisError, *UNREACHABLE):
                wait_s = STORE_RETRY_S
            await asyncio.sleep(wait_s)

    async def turn(self) -> None:
        """Request the candles of one token and tier, if there is room, budget and a wish."""
        if not await has_room(self.redis, self.keys):
            return  # the recorder is behind, or there is none
        wanted = await self._wanted()
        for tier in TIERS:
            queue = self._queue(tier)
            taken = await self.due.take_of(
                queue, wanted, again_s=AGAIN_S, limit=1, forget_ms=int(AGAIN_S * 1_000)
            )
            if taken:
                if not await self._request(taken[0], tier):
                    await self.redis.zrem(self.keys.fetch_due(queue), taken[0])
                return

    def _queue(self, tier: Tier) -> str:
        return f"{self.source.name}:candles:{tier}"

    async def _wanted(self) -> list[str]:
        """Return the ids of the watched and then of the top-ranked tokens."""
        since = int(time.time() * 1_000) - WATCHED_MS
        watched = await self.redis.zrange(
            self.keys.watched, "+inf", since, desc=True, byscore=True, offset=0, num=WATCHED_MAX
        )
        ranked = (
            await self.redis.zrange(self.keys.index(HOT_METRIC), 0, self.top - 1, desc=True)
            if self.top
            else []
        )
        return list(dict.fromkeys(token.decode() for token in (*watched, *ranked)))

    async def _request(self, token: str, tier: Tier) -> bool:
        """Return whether the token is done with: by an answer, or because it has no pool."""
        pool = await self.redis.hget(self.keys.token(token), "pool_address")
        if pool is None:
            return True
        address = msgspec.json.decode(pool, type=str)
        chain, mine = split_token_id(token)
        try:
            answer = await self.upstreams.get_spare(
                self.source, self.candles.call(chain, address, mine, tier)
            )
            if answer is None:
                return False
            bars = self.candles.read(answer.body, tier)
        except SourceError as error:
            log.info("backfill_failed", source=self.source.name, error=str(error)[:200])
            return True  # one that it does not know would be requested for ever
        over_s = answer.observed_ms // 1_000 - SECONDS[tier]
        closed = [bar for bar in bars if bar.t <= over_s]
        if closed:
            found = ForeignCandles(
                id=token, tier=tier, origin=f"{self.source.name}:{address}", bars=closed
            )
            await hand_over(self.redis, self.keys, found)
        log.info("candles_backfilled", source=self.source.name, tier=tier, candles=len(closed))
        return True
