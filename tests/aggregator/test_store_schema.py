"""The store says what its keys hold: older stores are migrated, newer ones refused."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from shared.errors import NewerStore
from shared.keys import Keys
from shared.redis.connect import Redis
from shared.state.meta import STORE_SCHEMA
from shared.state.store import Store
from tests.testkit.market import aggregator, has_leader, market, publish, reaches
from tests.testkit.process import Process
from tests.testkit.wait import eventually


async def test_a_new_epoch_is_of_our_schema(redis_url: str, redis: Redis, keys: Keys) -> None:
    async with aggregator(redis_url, keys):
        await has_leader(Store(redis, keys))

    assert await redis.hget(keys.meta, "schema") == b"1"
    assert STORE_SCHEMA == 1


async def test_a_store_without_a_schema_is_migrated_with_all_its_rows(
    redis_url: str, redis: Redis, keys: Keys
) -> None:
    store = Store(redis, keys)
    async with aggregator(redis_url, keys):
        await has_leader(store)
        await publish(redis, keys, market(20, random.Random(1)))
        await reaches(store, 20)
    before = await store.meta()
    await redis.hdel(keys.meta, "schema")
    assert (await store.meta()).schema == 0

    async with aggregator(redis_url, keys):
        await eventually(lambda: _migrated(store, before.epoch))
        await reaches(store, 20)


async def _migrated(store: Store, epoch: str) -> bool:
    meta = await store.meta()
    return meta.epoch != epoch and meta.schema == STORE_SCHEMA


@pytest.mark.parametrize("schema", ["2", "1.5", "new"])
async def test_a_newer_store_is_neither_read_nor_written(
    redis: Redis, keys: Keys, schema: str
) -> None:
    held = {b"schema": schema.encode(), b"epoch": b"e", b"fence": b"7"}
    await redis.hset(keys.meta, mapping=held)  # type: ignore[arg-type]
    store = Store(redis, keys)

    with pytest.raises(NewerStore, match=f"schema {schema}"):
        await store.meta()
    with pytest.raises(NewerStore, match=f"schema {schema}"):
        await store.acquire("me")
    assert await redis.hgetall(keys.meta) == held
    assert not await redis.exists(keys.lease)


async def test_every_service_that_reads_the_state_refuses_a_newer_store_with_78(
    redis: Redis, keys: Keys, spawn_service: Callable[..., Process]
) -> None:
    await redis.hset(keys.meta, mapping={"schema": "2", "epoch": "e", "fence": "7"})

    started = [
        spawn_service("aggregator"),
        spawn_service("api", env={"API_PORT": "0"}),
        spawn_service("ws", env={"WS_PORT": "0"}),
    ]

    for process in started:
        assert process.wait(20) == 78, process.output()
        last = process.lines()[-1]
        assert last.startswith("dexwire: the store has schema 2, which a newer version")
        assert "start that version again" in last
