"""The gateway behind a real aggregator: clients end with what the store holds."""

from __future__ import annotations

import random
from typing import Any

import msgspec

from shared.keys import Keys
from shared.model import Reading
from shared.redis.connect import Redis
from shared.state import row as rows_
from shared.state.store import Store
from tests.testkit.gateway import StartGateway
from tests.testkit.market import aggregator, has_leader, market, publish
from tests.testkit.reference_client import LiveClient, following
from tests.testkit.wait import eventually


async def stored(store: Store) -> tuple[str, int, dict[str, dict[str, Any]]]:
    """Return epoch, version and rows of the store at rest."""
    meta = await store.meta()
    rows = await store.rows(await store.token_ids())
    return (
        meta.epoch,
        meta.version,
        {ident: msgspec.json.decode(rows_.encode_row(fields)) for ident, fields in rows.items()},
    )


async def test_clients_follow_the_aggregators_commits_and_equal_the_store(
    start_gateway: StartGateway, redis: Redis, redis_url: str, keys: Keys
) -> None:
    gateway, store, dice = await start_gateway(), Store(redis, keys), random.Random(6)
    clients = [LiveClient([gateway.url], ["all"]), LiveClient([gateway.url], ["chain:solana"])]

    async def equal() -> bool:
        epoch, version, rows = await stored(store)
        return all(
            client.state.epoch == epoch
            and client.state.versions == {client.topics[0]: version}
            and client.state.rows[client.topics[0]] == rows
            for client in clients
        )

    async with following(*clients):
        async with aggregator(redis_url, keys):
            for _ in range(5):
                await publish_until_moved(redis, keys, store, market(150, dice))
            await eventually(equal, timeout_s=10)
            assert len(clients[0].state.rows["all"]) == 150
            await eventually(lambda: clients[0].status == "live")
        async with aggregator(redis_url, keys):  # another takes over: the same epoch goes on
            await publish_until_moved(redis, keys, store, market(20, dice))
            await eventually(equal, timeout_s=10)

    assert [client.state.snaps for client in clients] == [{"all": 1}, {"chain:solana": 1}]
    assert [client.resumes for client in clients] == [0, 0]


async def moved_beyond(store: Store, version: int) -> bool:
    return (await store.meta()).version > version


async def publish_until_moved(
    redis: Redis, keys: Keys, store: Store, readings: list[Reading]
) -> None:
    """Publish once somebody leads, and wait for its first commit."""
    await has_leader(store)
    before = (await store.meta()).version
    await publish(redis, keys, readings)
    await eventually(lambda: moved_beyond(store, before))
