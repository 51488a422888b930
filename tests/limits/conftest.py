"""One running stack for all tests of a process; its rates are low, its deadlines the real ones."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator

import pytest

from shared.keys import Keys
from shared.redis.connect import open_redis
from tests.testkit.commits import Writer, row
from tests.testkit.entries import SECRET, Edge, Entry, running


@pytest.fixture(scope="session")
def stack(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """The services behind both entries, on a store with some rows."""
    prefix = f"test-{secrets.token_hex(6)}:"

    async def fill() -> None:
        async with open_redis(redis_url) as redis:
            writer = Writer(redis, Keys(prefix))
            await writer.begin()
            await writer.commit([row(n) for n in range(200)])

    asyncio.run(fill())
    with running(
        tmp_path_factory.mktemp("limits"),
        redis_url,
        prefix,
        API_RATE="2",
        API_BURST="10",
        API_CONNS_PER_ADDRESS="300",
        API_STALL_S="2",
        INGEST_API_KEYS=f"bot.{SECRET},other.{SECRET}",
        INGEST_RATE="1",
        INGEST_BURST="30",
        MAX_CONNS_PER_ADDRESS="5",
        WS_HANDSHAKE_RATE="1",
        WS_HANDSHAKE_BURST="8",
        WS_MAX_CONNECTIONS="40",
        WS_SUBSCRIBE_S="60",
    ) as stack:
        yield stack


@pytest.fixture(params=["bare", "caddy"])
def entry(request: pytest.FixtureRequest, stack: Edge) -> Entry:
    """Each test that knocks knocks at both."""
    return stack.entries[request.param]
