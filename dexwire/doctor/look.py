"""Asks a Redis server and the state in it what `server.judge` needs. Reads only."""

from __future__ import annotations

import time
from typing import Any

from redis.exceptions import RedisError, ResponseError

from dexwire.doctor.server import Facts
from shared.connect import Redis
from shared.keys import Keys
from shared.model import BUILT_IN_SOURCES
from shared.store import Meta, Store


async def look(client: Redis, where: str, prefix: str) -> Facts:
    """Return everything. Raises redis-py's errors when the server does not answer.

    What this user may not ask for is left out; `rights` tells of it.
    """
    redis: Any = client  # its reply types name every way of decoding
    keys = Keys(prefix)
    info = await redis.info()
    asked = time.monotonic()
    ours_ms = time.time_ns() // 1_000_000
    seconds, micros = await redis.time()
    took_ms = (time.monotonic() - asked) * 1000
    return Facts(
        where=where,
        prefix=prefix,
        info=info,
        ours_ms=ours_ms + int(took_ms / 2),
        theirs_ms=int(seconds) * 1000 + int(micros) // 1000,
        round_trip_ms=took_ms,
        pubsub_limit=await _pubsub_limit(redis),
        meta=await _meta(client, keys),
        newest_logged=await _newest(redis, keys),
        lease_ms=await _lease_ms(redis, keys),
        sources=await _sources(redis, keys),
    )


async def _pubsub_limit(redis: Any) -> str | None:  # noqa: ANN401 - see `look`
    try:
        found = await redis.config_get("client-output-buffer-limit")
    except ResponseError:  # NoPermissionError among them
        return None
    value = next(iter(found.values()), None)
    return value.decode() if isinstance(value, bytes) else value


async def _meta(client: Redis, keys: Keys) -> Meta:
    try:
        return await Store(client, keys).meta()
    except (ResponseError, KeyError, ValueError):  # torn, or not ours: `dexwire verify` tells
        return Meta()


async def _newest(redis: Any, keys: Keys) -> int | None:  # noqa: ANN401 - see `look`
    try:
        entries = await redis.xrevrange(keys.log, count=1)
    except ResponseError:
        return None
    return int(entries[0][0].partition(b"-")[0]) if entries else None


async def _lease_ms(redis: Any, keys: Keys) -> int | None:  # noqa: ANN401 - see `look`
    try:
        left = int(await redis.pttl(keys.lease))
    except RedisError:
        return None
    return left if left >= 0 else None


async def _sources(redis: Any, keys: Keys) -> dict[str, dict[str, str]]:  # noqa: ANN401 - see `look`
    found = {}
    for name in BUILT_IN_SOURCES:
        try:
            status = await redis.hgetall(keys.fetch_status(name))
        except ResponseError:
            continue
        if status:
            found[name] = {k.decode(): v.decode(errors="replace") for k, v in status.items()}
    return found
