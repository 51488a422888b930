"""Redis connections, with the few options that matter written down once.

Library retries are off everywhere: redis-py repeats SET, EVALSHA and pipelines up to ten times by
default, which turns one time-out into two writes. Whoever wants a repeat makes it himself, with a
commit id or a batch id that makes it harmless.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable

import redis.asyncio as aioredis
import redis.exceptions
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from shared.logs import get_logger
from shared.redis_address import RedisAddress, public_url
from shared.redis_faults import Counting

log = get_logger(__name__)

Redis = aioredis.Redis
# What "Redis cannot be reached" looks like; neither is a built-in, and neither is the other.
UNREACHABLE = (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError, OSError)


class _Cancellable(AbstractConnection):
    """A connection that does not lose a cancellation.

    The library sends through `asyncio.wait_for`, which before Python 3.12 swallows a cancellation
    that arrives in the moment the bytes are out: the task runs on, and whoever awaits its end waits
    for ever (18 of 60 subscriptions cancelled while starting).
    """

    async def send_packed_command(
        self,
        command: bytes | str | Iterable[bytes],
        check_health: bool = True,  # noqa: FBT001, FBT002 - the library's
    ) -> None:
        task = asyncio.current_task()
        before = task.cancelling() if task else 0
        await super().send_packed_command(command, check_health)
        if task and task.cancelling() > before:
            await self.disconnect(nowait=True)  # a reply is under way that nobody will read
            raise asyncio.CancelledError


def open_redis(
    address: RedisAddress | str, *, max_connections: int = 32, timeout_s: float = 1.0
) -> Redis:
    """Return a client of a bounded pool; waiting for a free connection is bounded too.

    Replies are bytes: rows are stored as JSON and leave as they are.
    """
    if isinstance(address, str):
        address = RedisAddress(url=address)
    pool = aioredis.BlockingConnectionPool.from_url(
        address.url,
        **_credentials(address),
        driver_info=None,  # CLIENT SETINFO, which Redis 7.0 does not know and no user of ours may
        max_connections=max_connections,
        timeout=timeout_s / 2,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        retry=Retry(NoBackoff(), 0),
        health_check_interval=0,
    )
    library: type[AbstractConnection] = pool.connection_class  # TCP, TLS or unix socket, by the URL
    pool.connection_class = type(library.__name__, (_Cancellable, Counting, library), {})
    return aioredis.Redis.from_pool(pool)  # owns the pool: aclose() closes its connections


def _credentials(address: RedisAddress) -> dict[str, str]:
    """Return what the URL does not say."""
    given = {"password": address.password}
    if address.parts().tls:
        given |= {
            "ssl_ca_certs": address.ca_file,
            "ssl_certfile": address.cert_file,
            "ssl_keyfile": address.key_file,
        }
    return {name: value for name, value in given.items() if value is not None}


async def wait_for_redis(client: Redis, address: RedisAddress | str) -> None:
    """Return once the server answers; one log line when it does not, one when it does."""
    where = public_url(str(address))
    delay_s, waiting = 0.05, False
    while True:
        try:
            await client.ping()
        except UNREACHABLE as error:
            if not waiting:
                log.warning("redis_unreachable", url=where, error=str(error)[:200])
                waiting = True
            await asyncio.sleep(delay_s * random.uniform(0.5, 1))
            delay_s = min(2.0, delay_s * 2)
        else:
            if waiting:
                log.info("redis_reachable", url=where)
            return
