"""What clients watch by name, told to the fetchers, so that hot tokens are asked for more often."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, Final

from redis.exceptions import RedisError

from shared.keys import Keys
from shared.process.logs import get_logger
from shared.redis.connect import UNREACHABLE, Redis

log = get_logger(__name__)

EVERY_S: Final = 10.0
KEEP_MS: Final = 15 * 60_000  # fetchers look back ten minutes
MOST: Final = 10_000  # ids of one gateway; which of more are told is chance


async def keep_watched(
    redis: Redis, keys: Keys, watched: Callable[[], Iterable[str]], every_s: float = EVERY_S
) -> None:
    """Write what is watched, now and then; cancel it to end. The stream does not depend on it."""
    failing = False
    while True:
        ids = list(islice(watched(), MOST))
        try:
            await publish_watched(redis, keys, ids, now_ms=int(time.time() * 1000))
        except (*UNREACHABLE, RedisError) as error:
            if not failing:  # one line per outage
                log.warning("watched_untold", error=f"{type(error).__name__}: {error}"[:200])
            failing = True
        else:
            failing = False
        await asyncio.sleep(every_s)


async def publish_watched(redis: Redis, keys: Keys, ids: list[str], *, now_ms: int) -> None:
    """Note the ids as watched now, and forget those not watched for KEEP_MS."""
    if not ids:
        return
    client: Any = redis
    async with client.pipeline(transaction=False) as pipe:
        pipe.zadd(keys.watched, dict.fromkeys(ids, now_ms))
        pipe.zremrangebyscore(keys.watched, "-inf", now_ms - KEEP_MS)
        await pipe.execute()
