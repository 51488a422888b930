"""Readings to publish and aggregators to publish them to, for tests of several areas."""

from __future__ import annotations

import asyncio
import contextlib
import random
import secrets
import time
from collections.abc import AsyncIterator, Iterable

import msgspec

from services.aggregator.app import run
from services.aggregator.settings import AggregatorSettings
from shared.keys import Keys
from shared.model import PoolReading, Reading, ReadingBatch
from shared.process.settings import read_settings
from shared.redis.connect import Redis
from shared.state.meta import Meta
from shared.state.store import Store
from tests.testkit.wait import eventually


def now_ms() -> int:
    return int(time.time() * 1000)


def reading(address: str, *, chain: str = "solana", **fields: object) -> Reading:
    """A token-wide reading of now."""
    given: dict[str, object] = {"observed_ms": now_ms(), **fields}
    return msgspec.convert({"chain": chain, "token_address": address, **given}, Reading)


def market(count: int, dice: random.Random, *, chain: str = "solana") -> list[Reading]:
    """Full readings of `count` tokens, each with one deep pool and fresh random figures."""
    at = now_ms()
    return [
        Reading(
            chain=chain,
            token_address=f"Token{number:05}",
            observed_ms=at,
            token_name=f"Token {number}",
            token_ticker=f"T{number}",
            pools=(_pool(number, dice),),
        )
        for number in range(count)
    ]


def _pool(number: int, dice: random.Random) -> PoolReading:
    day = dice.uniform(1, 1e7)
    trades = dice.randint(10, 50_000)
    return PoolReading(
        pool_address=f"Pool{number:05}",
        protocol="raydium",
        created_ms=1_700_000_000_000 + number,
        price=dice.uniform(1e-9, 10),
        liquidity=dice.uniform(2_000, 1e6),
        market_cap=dice.uniform(1e4, 1e9),
        volume_5m=day / 300,
        volume_1h=day / 24,
        volume_6h=day / 4,
        volume_24h=day,
        price_change_5m=dice.uniform(-5, 5),
        price_change_1h=dice.uniform(-20, 20),
        price_change_6h=dice.uniform(-40, 40),
        price_change_24h=dice.uniform(-90, 300),
        transactions_5m=trades // 300,
        transactions_1h=trades // 24,
        transactions_6h=trades // 4,
        transactions_24h=trades,
        buys_24h=trades // 2,
        sells_24h=trades - trades // 2,
    )


async def publish(
    redis: Redis,
    keys: Keys,
    readings: Iterable[Reading],
    *,
    source: str = "dexscreener",
    ack: bool = False,
) -> str:
    """Publish readings as one batch; return its id."""
    batch_id = secrets.token_hex(8)
    batch = ReadingBatch(
        source=source, batch_id=batch_id, sent_ms=now_ms(), tokens=tuple(readings), ack=ack
    )
    await redis.publish(keys.raw_tokens, msgspec.json.encode(batch))
    return batch_id


@contextlib.asynccontextmanager
async def aggregator(url: str, keys: Keys, **settings: object) -> AsyncIterator[asyncio.Task[None]]:
    """Run an aggregator in this process until the block ends; it stops as on SIGTERM."""
    stop = asyncio.Event()
    chosen = read_settings(
        AggregatorSettings, redis_url=url, redis_prefix=keys.prefix, **{"window_ms": 20, **settings}
    )
    task = asyncio.create_task(run(chosen, stop))
    try:
        yield task
    finally:
        stop.set()
        await asyncio.wait([task], timeout=10)
        if not task.cancelled():  # a test may have ended it without a word
            task.result()


async def has_leader(store: Store) -> Meta:
    """Wait until an aggregator leads; return the meta that it began or took over."""

    async def probe() -> Meta | None:
        meta = await store.meta()
        held = await store.redis.exists(store.keys.lease)
        listeners = dict(await store.redis.pubsub_numsub(store.keys.raw_tokens))
        listening = listeners.get(store.keys.raw_tokens.encode(), 0)
        return meta if held and meta.epoch and listening else None

    return await eventually(probe, timeout_s=20)


async def reaches(store: Store, tokens: int) -> Meta:
    """Wait until so many tokens are committed."""

    async def probe() -> Meta | None:
        meta = await store.meta()
        return meta if meta.tokens == tokens and not meta.seeding else None

    return await eventually(probe, timeout_s=10)
