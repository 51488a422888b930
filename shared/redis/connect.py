"""Redis connections, with the few options that matter written down once.

Library retries are off everywhere: redis-py repeats SET, EVALSHA and pipelines up to ten times by
default, which turns one time-out into two writes. Callers that want a repeat make it themselves,
with a commit id or a batch id that makes it harmless.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Iterable
from typing import Any, Final

import redis.asyncio as aioredis
import redis.exceptions
from redis.asyncio.connection import AbstractConnection, Connection, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from shared.process.logs import get_logger
from shared.redis.address import Host, RedisAddress, RedisPlace, hash_tag, key_slot, public_url
from shared.redis.faults import Counting
from shared.redis.primary import ClusterNodes, FindPrimary, Primary, Sentinels

log = get_logger(__name__)

Redis = aioredis.Redis
# What "Redis cannot be reached" looks like; neither is a built-in, and neither is the other.
UNREACHABLE = (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError, OSError)


class _Cancellable(AbstractConnection):
    """A connection that does not lose a cancellation.

    The library sends through `asyncio.wait_for`, which before Python 3.12 swallows a cancellation
    that arrives in the moment the bytes are out: the task runs on, and code that awaits its end
    waits for ever (18 of 60 subscriptions cancelled while starting).
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


class _ToPrimary(_Cancellable):
    """A connection that leaves a server which is no primary (any more).

    A replica refuses writes, but it would take a PUBLISH, and nobody would receive it.
    """

    primary: Primary | None = None  # None: the URL names one server, and that is the one
    host: str
    port: int

    async def connect_check_health(
        self,
        check_health: bool = True,  # noqa: FBT001, FBT002 - the library's
        retry_socket_connect: bool = True,  # noqa: FBT001, FBT002
    ) -> None:
        """Connect to the present primary; a pool does so before each use of a connection."""
        if self.primary is not None:
            if await is_elsewhere(self):
                await self.disconnect(nowait=True)
            if not self.is_connected:
                self.host, self.port = await self.primary.find()
        try:
            await super().connect_check_health(check_health, retry_socket_connect)
        except UNREACHABLE:
            self._doubt()
            raise

    async def on_connect_check_health(
        self,
        check_health: bool = True,  # noqa: FBT001, FBT002 - the library's
    ) -> None:
        """Sign in, and make sure that it is the primary."""
        await super().on_connect_check_health(check_health)
        if self.primary is not None:
            await self.send_command("ROLE", check_health=False)
            role = (await self.read_response())[0]
            if role not in {b"master", "master"}:
                raise redis.exceptions.ConnectionError(f"{self.host}:{self.port} is no primary")

    async def read_response(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - the library's
        """Read a reply; leave a server that says that it is not the one."""
        try:
            return await super().read_response(*args, **options)
        except redis.exceptions.ReadOnlyError:
            await self._leave()
            raise
        except _ELSEWHERE as error:
            hint = None
            if isinstance(error, redis.exceptions.MovedError):
                hint = (error.host or self.host, error.port)
            await self._leave(hint)
            reason = f"{type(error).__name__}: {error}"
            raise redis.exceptions.ConnectionError(reason) from None

    async def _leave(self, hint: Host | None = None) -> None:
        self._doubt(hint)
        await self.disconnect(nowait=True)

    def _doubt(self, hint: Host | None = None) -> None:
        if self.primary is not None:
            self.primary.doubt((self.host, self.port), hint)


# What a cluster's node says that does not own the slot, or not now. Nothing was done.
_ELSEWHERE = (
    redis.exceptions.AskError,
    redis.exceptions.TryAgainError,
    redis.exceptions.ClusterDownError,
)


async def is_elsewhere(connection: object) -> bool:
    """Return whether the primary is known to be another server than the one connected to."""
    if not isinstance(connection, _ToPrimary) or connection.primary is None:
        return False
    await connection.primary.confirm()
    at = connection.primary.at
    return connection.is_connected and at is not None and at != (connection.host, connection.port)


def open_redis(
    address: RedisAddress | str, *, max_connections: int = 32, timeout_s: float = 1.0
) -> Redis:
    """Return a client of a bounded pool; waiting for a free connection is bounded too.

    Replies are bytes: rows are stored as JSON and leave as they are. With Sentinels or a cluster
    every connection goes to the server that is primary when it is made or used.
    """
    if isinstance(address, str):
        address = RedisAddress(url=address)
    place = address.parts()
    options: dict[str, Any] = {
        "max_connections": max_connections,
        "timeout": timeout_s / 2,
        "socket_timeout": timeout_s,
        "socket_connect_timeout": timeout_s,
        "retry": Retry(NoBackoff(), 0),
    }
    options |= _COMMON | _tls(address, place)
    if address.password is not None:
        options["password"] = address.password
    if place.kind in {"server", "unix"}:
        pool = aioredis.BlockingConnectionPool.from_url(address.url, **options)
        primary = None
    else:
        options |= {"username": place.user or None, "db": place.db}
        options.setdefault("password", place.password)
        library = SSLConnection if place.tls else Connection
        pool = aioredis.BlockingConnectionPool(connection_class=library, **options)
        # A cluster's node itself names the right server; a server under Sentinels cannot know.
        recheck_s = _RECHECK_S if place.kind == "sentinel" else math.inf
        primary = Primary(_guide(address, place), recheck_s=recheck_s)
    kind: type[AbstractConnection] = pool.connection_class  # TCP, TLS or unix socket
    pool.connection_class = type(kind.__name__, (_ToPrimary, Counting, kind), {"primary": primary})
    return aioredis.Redis.from_pool(pool)  # owns the pool: aclose() closes its connections


_RECHECK_S: Final = 1.0
# CLIENT SETINFO is what Redis 7.0 does not know and no user of ours may send.
_COMMON: Final = {"driver_info": None, "health_check_interval": 0}


def _guide(address: RedisAddress, place: RedisPlace) -> FindPrimary:
    """Return what finds the primary."""
    options = {**_COMMON, "retry": Retry(NoBackoff(), 0), **_tls(address, place)}
    options["ssl"] = place.tls
    if place.kind == "sentinel":
        user, password = address.sentinel_user or None, address.sentinel_password
        options |= {"username": user, "password": password}
        return Sentinels(place.hosts, place.master, options)
    options |= {"username": place.user or None, "password": address.password or place.password}
    return ClusterNodes(place.hosts, key_slot(hash_tag(address.prefix) or ""), options)


def _tls(address: RedisAddress, place: RedisPlace) -> dict[str, Any]:
    if not place.tls:
        return {}
    files = {
        "ssl_ca_certs": address.ca_file,
        "ssl_certfile": address.cert_file,
        "ssl_keyfile": address.key_file,
    }
    return {name: path for name, path in files.items() if path is not None}


async def _ping(client: Redis) -> None:
    """Return when the server answers, one that cannot write to its disk too.

    It refuses PING as it refuses writes, but reads go on, and a service waits for writes itself.
    """
    try:
        await client.ping()
    except redis.exceptions.ResponseError as error:
        if not str(error).startswith("MISCONF"):
            raise


async def wait_for_redis(client: Redis, address: RedisAddress | str) -> None:
    """Return once the server answers; one log line when it does not, one when it does."""
    where = public_url(str(address))
    delay_s, waiting = 0.05, False
    while True:
        try:
            await _ping(client)
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
