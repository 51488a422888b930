"""Hands candles of others to the recorder, over the stream `history:backfill`."""

from __future__ import annotations

from shared.history.foreign import FIELD, MOST_WAITING, ForeignCandles, encode
from shared.keys import Keys
from shared.redis.connect import Redis


async def has_room(redis: Redis, keys: Keys) -> bool:
    """Return whether the recorder keeps up; without one there is room for the first entries."""
    return int(await redis.xlen(keys.history_backfill)) < MOST_WAITING


async def hand_over(redis: Redis, keys: Keys, candles: ForeignCandles) -> bool:
    """Add an entry; False: there is no room now."""
    if not await has_room(redis, keys):
        return False
    await redis.xadd(keys.history_backfill, {FIELD: encode(candles)})
    return True
