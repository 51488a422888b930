"""What clients watch by name, published so that fetchers poll it more often."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Container, Iterable, Mapping
from typing import Any, Final

from redis.exceptions import RedisError

from services.ws.core.turns import in_turn
from shared.keys import Keys
from shared.process.logs import get_logger
from shared.redis.connect import UNREACHABLE, Redis

log = get_logger(__name__)

EVERY_S: Final = 10.0
KEEP_MS: Final = 15 * 60_000  # fetchers look back ten minutes
KNOWN_MOST: Final = 2_000  # ids of one gateway, shared among the addresses that watch
UNKNOWN_MOST: Final = 500  # of those of which the list has no row
MOST_BYTES: Final = 128 * 1024  # of either
STORED_MOST: Final = 10_000  # ids of all gateways
# Ids without a row stand behind those with one, whichever gateway wrote them last.
_SLOT_MS: Final = int(1_000 * EVERY_S)
_BEHIND_MS: Final = 2 * _SLOT_MS

Watched = Callable[[], Mapping[str, Iterable[str]]]  # ids by the address that watches them


async def keep_watched(
    redis: Redis,
    keys: Keys,
    watched: Watched,
    rows: Callable[[], Container[str]],
    every_s: float = EVERY_S,
) -> None:
    """Write what is watched, now and then; cancel it to end. The stream does not depend on it."""
    failing = False
    while True:
        known, unknown = choose(watched(), rows())
        try:
            await publish_watched(redis, keys, known, unknown, now_ms=int(time.time() * 1000))
        except (*UNREACHABLE, RedisError) as error:
            if not failing:  # one line per outage
                log.warning("watched_not_published", error=f"{type(error).__name__}: {error}"[:200])
            failing = True
        else:
            failing = False
        await asyncio.sleep(every_s)


def choose(
    watched: Mapping[str, Iterable[str]], rows: Container[str]
) -> tuple[list[str], list[str]]:
    """Return the ids to publish: those with a row and those without one."""
    known = {address: [i for i in ids if i in rows] for address, ids in watched.items()}
    unknown = {address: [i for i in ids if i not in rows] for address, ids in watched.items()}
    return (
        in_turn(known, most=KNOWN_MOST, most_bytes=MOST_BYTES),
        in_turn(unknown, most=UNKNOWN_MOST, most_bytes=MOST_BYTES),
    )


async def publish_watched(
    redis: Redis, keys: Keys, known: Iterable[str], unknown: Iterable[str] = (), *, now_ms: int
) -> None:
    """Note the ids as watched now; forget those not watched for KEEP_MS, and beyond STORED_MOST."""
    # The first stand before the later ones, also among those that other gateways wrote since.
    slot_ms = now_ms - now_ms % _SLOT_MS
    ids = {one: slot_ms - _BEHIND_MS - place for place, one in enumerate(unknown)}
    ids |= {one: slot_ms - place for place, one in enumerate(known)}
    if not ids:
        return
    client: Any = redis
    async with client.pipeline(transaction=False) as pipe:
        pipe.zadd(keys.watched, ids)
        pipe.zremrangebyscore(keys.watched, "-inf", now_ms - KEEP_MS)
        pipe.zremrangebyrank(keys.watched, 0, -STORED_MOST - 1)
        await pipe.execute()
