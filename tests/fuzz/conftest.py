"""Services to be sent anything. The long form (`make fuzz`) has no time-out of pytest's."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis as sync_redis

from shared.keys import Keys
from shared.redis.connect import open_redis
from tests.testkit.commits import Writer, row
from tests.testkit.entries import SECRET
from tests.testkit.fuzzed_server import FuzzedServer, fuzzed
from tests.testkit.fuzzing import TIMEOUT_S

HERE = Path(__file__).parent
# Of an input of 30,000 bytes that fails.
LARGE = "ignore:Generating overly large repr"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.timeout(TIMEOUT_S))
            item.add_marker(pytest.mark.filterwarnings(LARGE))


@pytest.fixture(scope="module")
def store(redis_url: str) -> Iterator[dict[str, str]]:
    """A store with some rows and an aggregator that takes batches; what services need of it."""
    prefix = f"test-{secrets.token_hex(6)}:"
    keys = Keys(prefix)

    async def fill() -> None:
        async with open_redis(redis_url) as redis:
            writer = Writer(redis, keys)
            await writer.begin()
            await writer.commit([row(n) for n in range(40)])
            await redis.persist(keys.lease)

    asyncio.run(fill())
    with sync_redis.Redis.from_url(redis_url) as client:
        listening = client.pubsub(ignore_subscribe_messages=True)
        listening.subscribe(**{keys.raw_tokens: lambda _: None})
        thread = listening.run_in_thread(sleep_time=0.1, daemon=True)
        yield {"REDIS_URL": redis_url, "REDIS_PREFIX": prefix}
        thread.stop()
        thread.join()
        for key in client.scan_iter(match=f"{prefix}*", count=1000):
            client.unlink(key)


@pytest.fixture
def api(store: dict[str, str], tmp_path: Path) -> Iterator[FuzzedServer]:
    """An api without bounds on how often one address may ask."""
    free = {"API_RATE": "0", "API_COST_PCT": "0", "INGEST_RATE": "1e6", "INGEST_BURST": "1000000"}
    with fuzzed("api", tmp_path, INGEST_API_KEYS=f"bot.{SECRET}", **free, **store) as server:
        yield server


@pytest.fixture
def gateway(store: dict[str, str], tmp_path: Path) -> Iterator[FuzzedServer]:
    """A gateway without such bounds."""
    free = {"WS_HANDSHAKE_RATE": "0", "WS_SNAPSHOT_RATE": "0", "MAX_CONNS_PER_ADDRESS": "1000"}
    with fuzzed("ws", tmp_path, **free, **store) as server:
        yield server
