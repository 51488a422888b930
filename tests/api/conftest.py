"""The api in this process, on a real server, asked without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Protocol

import httpx
import pytest

from services.api.app import Api, build_api
from services.api.settings import ApiSettings
from shared.keys import Keys
from shared.redis.connect import Redis, open_redis
from tests.api.writer import Writer
from tests.support import eventually


class Served:
    """An api and a client of it."""

    def __init__(self, api: Api, client: httpx.AsyncClient) -> None:
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
        await redis.aclose()
        await feed_redis.aclose()


@pytest.fixture
async def writer(redis: Redis, keys: Keys) -> Writer:
    """Holds the lease; nothing is committed yet."""
    return Writer(redis, keys)


class Start(Protocol):
    """`served = await start(api_max_inflight=1)`: an api on the test's server and prefix."""

    async def __call__(self, *, peer: str = ..., **settings: object) -> Served: ...


@pytest.fixture
async def start(redis_url: str, redis_prefix: str) -> AsyncIterator[Start]:
    """Start apis; all end with the test."""
    async with AsyncExitStack() as stack:

        async def begin(*, peer: str = "127.0.0.1", **settings: object) -> Served:
            read = ApiSettings.model_validate(
                {
                    "redis_url": redis_url,
                    "redis_prefix": redis_prefix,
                    "api_rate": 0,  # tests of both say otherwise
                    "api_cost_pct": 0,
                    **settings,
                }
            )
            return await stack.enter_async_context(serve(read, peer))

        yield begin
