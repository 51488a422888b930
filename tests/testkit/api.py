"""The api in this process, on a real server, called without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import httpx
import msgspec

from services.api.app import ApiParts, build_api, run
from services.api.discover.query import parse_discover
from services.api.settings import ApiSettings
from shared.edge.http.problem import Problem
from shared.keys import Keys
from shared.model import RawBatch
from shared.redis.connect import Redis, open_redis
from tests.testkit.commits import Writer
from tests.testkit.wait import eventually


class Served:
    """An api and a client of it."""

    def __init__(self, api: ApiParts, client: httpx.AsyncClient) -> None:
        self.api = api
        self.client = client

    async def follows(self, version: int) -> None:
        """Wait until the api's copy is at this version."""
        live = self.api.live
        await eventually(lambda: live.feed.loaded.is_set() and live.replica.version >= version)


@asynccontextmanager
async def serve(settings: ApiSettings, peer: str = "127.0.0.1") -> AsyncIterator[Served]:
    """Run an api; its server has to be running, or to come."""
    redis = open_redis(settings.redis_url)
    feed_redis = open_redis(settings.redis_url, max_connections=4)
    api = build_api(settings, redis, feed_redis)
    following = asyncio.create_task(api.live.feed.run())
    transport = httpx.ASGITransport(api.app, raise_app_exceptions=False, client=(peer, 40_000))
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            yield Served(api, client)
    finally:
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following
        await api.history.close()
        await redis.aclose()
        await feed_redis.aclose()


class Start(Protocol):
    """`served = await start(api_max_inflight=1)`: an api on the test's server and prefix."""

    async def __call__(self, *, peer: str = ..., **settings: object) -> Served: ...


_decoder = msgspec.json.Decoder(RawBatch)


@dataclass
class Consumer:
    """What was published, and what is to be done with it."""

    batches: list[RawBatch] = field(default_factory=list)
    committing: Writer | None = None  # commits the acks that are wanted

    def tokens(self) -> list[dict[str, Any]]:
        """Return all tokens that were published, in order."""
        return [msgspec.json.decode(raw) for batch in self.batches for raw in batch.tokens]


@asynccontextmanager
async def consume(redis: Redis, keys: Keys) -> AsyncIterator[Consumer]:
    """Hold a lease and listen."""
    consumer = Consumer()
    await redis.set(keys.lease, "test-consumer", px=60_000)
    async with redis.pubsub(ignore_subscribe_messages=True) as pubsub:
        await pubsub.subscribe(keys.raw_tokens)
        await pubsub.get_message(timeout=1.0)  # the confirmation

        async def listen() -> None:
            async for message in pubsub.listen():
                batch = _decoder.decode(message["data"])
                consumer.batches.append(batch)
                if batch.ack and consumer.committing is not None:
                    await consumer.committing.commit(acks=(batch.batch_id,))

        listening = asyncio.create_task(listen())
        try:
            yield consumer
        finally:
            listening.cancel()
            with suppress(asyncio.CancelledError):
                await listening
            await redis.delete(keys.lease)


SECRET: Final = "0123456789abcdef0123456789abcdef"  # of the key `bot`


class RunningApi:
    """A served api: its port, its end."""

    def __init__(self, settings: ApiSettings) -> None:
        self.port = settings.api_port
        self.url = f"http://127.0.0.1:{self.port}"
        self.stop = asyncio.Event()
        self.task = asyncio.create_task(run(settings, self.stop))

    async def raw(self, request: bytes, timeout_s: float = 5.0) -> bytes:
        """Send bytes and return everything that comes back until the connection is closed."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(request)
        try:
            async with asyncio.timeout(timeout_s):
                return await reader.read()
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def listens(self) -> bool:
        """Return whether somebody takes connections."""
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        return True


Launch = Callable[..., Awaitable[RunningApi]]


def problem_of(query_string: bytes) -> Problem | None:
    try:
        parse_discover(query_string)
    except Problem as problem:
        return problem
    return None
