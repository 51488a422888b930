"""A store that lost everything: who writes it again, and what a standby knows of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec
import pytest

from dexwire.server.up.embedded import EmbeddedServer
from services.aggregator import leader as leadership
from services.aggregator import recall
from services.aggregator.context import AggregatorContext, build_context
from services.aggregator.intake import Intake
from services.aggregator.leader import Leader
from services.aggregator.memory import Memory
from services.aggregator.settings import AggregatorSettings
from shared.keys import Keys
from shared.model import ReadingBatch
from shared.process.settings import read_settings
from shared.redis.connect import Redis, open_redis
from shared.state.store import Store
from tests.testkit.market import now_ms, reading
from tests.testkit.wait import eventually


class Aggregator:
    """Its parts; readings reach it by `hear` alone, so one may miss what another receives."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        intake = Intake(Memory(5_000), include_quote_assets=False)
        settings = read_settings(AggregatorSettings, window_ms=20)
        self.context: AggregatorContext = build_context(redis, keys, intake, settings)
        self.leader = Leader(self.context)

    def hear(self, price: float, *addresses: str) -> None:
        tokens = tuple(reading(address, price=price) for address in addresses)
        batch = ReadingBatch(source="ingest:bot", batch_id="b", sent_ms=now_ms(), tokens=tokens)
        self.context.intake.take(msgspec.json.encode(batch), self.context.clock.now_ms())

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Follow the state, without leading, until the block ends."""
        feed = asyncio.create_task(self.context.feed.run())
        try:
            await eventually(lambda: self.context.feed.live)
            yield
        finally:
            feed.cancel()
            await asyncio.wait([feed])

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Lead, as soon as the lease is free, until the block ends."""
        stop = asyncio.Event()
        jobs = [
            asyncio.create_task(self.context.feed.run()),
            asyncio.create_task(self.leader.run(stop)),
        ]
        try:
            yield
        finally:
            stop.set()
            jobs[0].cancel()
            await asyncio.wait(jobs)

    @asynccontextmanager
    async def leading(self, store: Store, *addresses: str) -> AsyncIterator[None]:
        """Lead, with these tokens at 2.0 committed."""
        async with self.running():
            await eventually(lambda: self.leader.leading)
            self.hear(2.0, *addresses)
            await eventually(lambda: _count(store, len(addresses)))
            yield


@pytest.fixture
async def redis(private_server: Callable[[], EmbeddedServer]) -> AsyncIterator[Redis]:
    async with open_redis(private_server().url) as client:
        yield client


@pytest.fixture
def store(redis: Redis, keys: Keys) -> Store:
    return Store(redis, keys)


async def price_of(store: Store, address: str) -> float | None:
    found = await store.rows([f"solana:{address}"])
    return float(found[f"solana:{address}"]["price"]) if found else None


async def test_the_last_writer_comes_first(redis: Redis, keys: Keys, store: Store) -> None:
    writer, standby = Aggregator(redis, keys), Aggregator(redis, keys)
    standby.hear(1.0, "A")  # it was cut off before the newer price came
    async with writer.leading(store, "A"), standby.following():
        before = await store.meta()
        assert await standby.leader.acquire() is None  # and sees that the writer holds it
        await redis.flushall()

        async def is_written() -> bool:
            assert await standby.leader.acquire() is None
            meta = await store.meta()
            return meta.epoch not in ("", before.epoch) and not meta.seeding

        await eventually(is_written)

    assert await price_of(store, "A") == 2.0


async def test_without_the_last_writer_a_standby_writes_what_it_knows(
    redis: Redis, keys: Keys, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leadership, "_WRITER_COMES_S", 0.5)
    writer, standby = Aggregator(redis, keys), Aggregator(redis, keys)
    async with writer.leading(store, "A"), standby.following():
        pass
    standby.hear(3.0, "A")
    await redis.flushall()

    lost_s = time.monotonic()
    async with standby.running():
        await eventually(lambda: price_of(store, "A"))

    assert time.monotonic() - lost_s > 0.5
    assert await price_of(store, "A") == 3.0


async def test_a_lease_that_passes_on_is_taken_at_once(
    redis: Redis, keys: Keys, store: Store
) -> None:
    writer, standby = Aggregator(redis, keys), Aggregator(redis, keys)
    async with writer.leading(store, "A"), standby.following():
        pass

    assert await standby.leader.acquire() is not None


async def test_a_standby_reads_what_it_may_have_missed(
    redis: Redis, keys: Keys, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recall, "_SETTLED_S", 0.0)
    monkeypatch.setattr(recall, "_CHUNK", 100)
    names = [f"T{number}" for number in range(250)]
    writer, standby = Aggregator(redis, keys), Aggregator(redis, keys)
    async with writer.leading(store, *names), standby.following(), standby.running():
        await eventually(lambda: len(standby.context.memory) == 250)

    held = standby.context.memory.sources("solana:T249")["ingest:bot"]
    assert held.fields["price"].value == 2.0


async def test_what_is_missed_while_it_reads_is_read_too(
    redis: Redis, keys: Keys, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recall, "_SETTLED_S", 0.0)
    monkeypatch.setattr(recall, "_CHUNK", 1)
    writer, standby = Aggregator(redis, keys), Aggregator(redis, keys)
    async with writer.leading(store, "A", "B"):
        standby.context.recall.missed()
        await standby.context.recall.step()
        assert len(standby.context.memory) == 1
        writer.hear(3.0, "A", "B")
        await eventually(lambda: _has_price(store, 3.0))
        standby.context.recall.missed()
        for _ in range(3):
            await standby.context.recall.step()

    held = [standby.context.memory.sources(f"solana:{name}")["ingest:bot"] for name in "AB"]
    assert [one.fields["price"].value for one in held] == [3.0, 3.0]


async def _count(store: Store, count: int) -> bool:
    return (await store.meta()).tokens == count


async def _has_price(store: Store, price: float) -> bool:
    return await price_of(store, "A") == await price_of(store, "B") == price
