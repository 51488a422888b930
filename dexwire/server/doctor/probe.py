"""Asks a Redis server and the state in it what `server.judge` needs. Reads only."""

from __future__ import annotations

import time
from collections.abc import Awaitable
from typing import Any, TypeVar

from redis.exceptions import NoPermissionError, ResponseError

from dexwire.server.doctor.server import Facts
from shared.keys import Keys
from shared.redis.connect import Redis
from shared.sources import POLLED
from shared.state.meta import Meta
from shared.state.store import Store

T = TypeVar("T")


async def read_facts(client: Redis, where: str, prefix: str) -> Facts:
    """Return everything. Raises redis-py's errors when the server does not answer.

    What this user may not ask for is named in `denied`: a service's own user sees little.
    """
    redis: Any = client  # its reply types name every way of decoding
    keys = Keys(prefix)
    denied: set[str] = set()

    async def read(what: str, answer: Awaitable[T], instead: T) -> T:
        try:
            return await answer
        except NoPermissionError:
            denied.add(what)
            return instead

    await redis.ping()
    started, ours_ms = time.monotonic(), time.time_ns() // 1_000_000
    theirs_ms = await read("clock", _time_ms(redis), 0)
    took_ms = (time.monotonic() - started) * 1000
    meta = await read("data", _meta(client, keys), Meta())
    return Facts(
        where=where,
        prefix=prefix,
        info=await read("info", redis.info(), {}),
        ours_ms=ours_ms + int(took_ms / 2),
        theirs_ms=theirs_ms,
        round_trip_ms=took_ms,
        pubsub_limit=await read("output buffers", _pubsub_limit(redis), None),
        meta=meta,
        logged=await read("store", _is_logged(redis, keys, meta.version), instead=False),
        lease_ms=await read("aggregator", _lease_ms(redis, keys), None),
        sources=await read("sources", _sources(redis, keys), {}),
        denied=frozenset(denied),
    )


async def _time_ms(redis: Any) -> int:  # noqa: ANN401 - see `read_facts`
    seconds, micros = await redis.time()
    return int(seconds) * 1000 + int(micros) // 1000


async def _pubsub_limit(redis: Any) -> str | None:  # noqa: ANN401 - see `read_facts`
    found = await redis.config_get("client-output-buffer-limit")
    value = next(iter(found.values()), None)
    return value.decode() if isinstance(value, bytes) else value


async def _meta(client: Redis, keys: Keys) -> Meta:
    try:
        return await Store(client, keys).meta()
    except NoPermissionError:
        raise
    except (ResponseError, KeyError, ValueError):  # torn, or not ours: `dexwire verify` says
        return Meta()


async def _is_logged(redis: Any, keys: Keys, version: int) -> bool:  # noqa: ANN401 - see `read_facts`
    try:
        return bool(await redis.xrange(keys.log, f"{version}-0", f"{version}-0"))
    except NoPermissionError:
        raise
    except ResponseError:
        return False


async def _lease_ms(redis: Any, keys: Keys) -> int | None:  # noqa: ANN401 - see `read_facts`
    left = int(await redis.pttl(keys.lease))
    return left if left >= 0 else None


async def _sources(redis: Any, keys: Keys) -> dict[str, dict[str, str]]:  # noqa: ANN401 - see `read_facts`
    found = {}
    for name in POLLED:
        status = await redis.hgetall(keys.fetch_status(name))
        if status:
            found[name] = {k.decode(): v.decode(errors="replace") for k, v in status.items()}
    return found
