"""The few network questions that the command line asks before and while services run."""

from __future__ import annotations

import asyncio
import contextlib
import errno
from collections.abc import Collection
from typing import Final

from redis.exceptions import RedisError

from shared.errors import CannotListen, StoreError
from shared.process.listen import bind
from shared.redis.address import RedisAddress
from shared.redis.connect import UNREACHABLE, open_redis
from shared.redis.versions import LEAST_REDIS

_ANSWER_S: Final = 2.5
_WILDCARDS: Final = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104


def take_port(host: str, port: int, service: str, others: Collection[int] = ()) -> int:
    """Return a port to listen on: the one that is set, or for 0 any free one but `others`.

    Raises CannotListen when it cannot be.
    """
    while True:
        found = _listen(host, port, service)
        if port or found not in others:  # the system may give one twice, as nobody holds it yet
            return found


def _listen(host: str, port: int, service: str) -> int:
    try:
        with bind(host, port) as probe:  # as the services do
            found: int = probe.getsockname()[1]
            return found
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            message = f"port {port} is in use ({service})"
        elif error.errno == errno.EACCES:
            message = f"port {port} needs more rights ({service})"
        else:
            message = f"cannot listen on {host}:{port} ({service}): {error.strerror}"
        raise CannotListen(message) from None


def reachable(host: str) -> str:
    """Return the address under which this machine reaches what listens on `host`."""
    return _WILDCARDS.get(host, host)


def origin(scheme: str, host: str, port: int) -> str:
    """Return `scheme://host:port`, with brackets where the host is an IPv6 address."""
    shown = reachable(host)
    return f"{scheme}://[{shown}]:{port}" if ":" in shown else f"{scheme}://{shown}:{port}"


async def check_redis(address: RedisAddress) -> None:
    """Return when a server answers there and is new enough.

    Raises StoreError within 3 s otherwise; the message names the URL without its password.
    """
    client = open_redis(address)
    try:
        async with asyncio.timeout(_ANSWER_S):
            info = await client.info("server")
    except TimeoutError:  # before UNREACHABLE: it is an OSError
        raise StoreError(f"Redis at {address} does not answer") from None
    except (*UNREACHABLE, RedisError) as error:
        reason = str(error).replace(address.url, str(address))[:200] or type(error).__name__
        raise StoreError(f"Redis at {address} does not answer: {reason}") from None
    finally:
        with contextlib.suppress(*UNREACHABLE, RedisError):
            await client.aclose()
    version = str(info.get("redis_version", "0"))
    if tuple(int(part) for part in version.split(".")[:2]) < LEAST_REDIS:
        raise StoreError(f"Redis at {address} is {version}; dexwire needs 7.0 or newer")


async def http_get(host: str, port: int, path: str, timeout_s: float = 2.0) -> tuple[int, bytes]:
    """Return status and body of a local GET. Raises OSError (TimeoutError included)."""
    async with asyncio.timeout(timeout_s):
        reader, writer = await asyncio.open_connection(reachable(host), port)
        try:
            # HTTP/1.0: the body ends with the connection, never chunked.
            writer.write(f"GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
            head, _, body = (await reader.read(-1)).partition(b"\r\n\r\n")
        finally:
            writer.close()
    status = head.split(b" ", 2)[1:2]
    if not status or not status[0].isdigit():
        raise ConnectionError("not an HTTP answer")
    return int(status[0]), body


async def is_open(host: str, port: int, timeout_s: float = 1.0) -> bool:
    """Return whether something listens there."""
    with contextlib.suppress(OSError):
        async with asyncio.timeout(timeout_s):
            _, writer = await asyncio.open_connection(reachable(host), port)
        writer.close()
        return True
    return False
