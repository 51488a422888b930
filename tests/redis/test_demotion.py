"""A server that was demoted, seen from one connection and from one aggregator (F3, F4)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
import redis.exceptions

from dexwire.server.up.embedded import EmbeddedServer
from services.fetcher.publish import Publisher
from shared.errors import Diverged
from shared.keys import Keys
from shared.redis.connect import Redis, open_redis
from shared.state.store import Store
from tests.testkit.commits import Writer, row
from tests.testkit.market import aggregator, has_leader, publish, reaches, reading
from tests.testkit.wait import eventually

NOBODY = ("127.0.0.1", "1")


@pytest.fixture
def server(private_server: Callable[..., EmbeddedServer]) -> EmbeddedServer:
    return private_server()


@pytest.fixture
async def client(server: EmbeddedServer) -> AsyncIterator[Redis]:
    it = open_redis(server.url)
    yield it
    await it.aclose()


async def test_readings_never_go_to_the_subscribers_of_a_replica(
    client: Redis,
) -> None:
    keys = Keys()
    heard = []
    async with client.pubsub() as pubsub:
        await pubsub.subscribe(keys.raw_tokens)
        await pubsub.get_message(timeout=1)
        await client.replicaof(*NOBODY)

        with pytest.raises(redis.exceptions.ReadOnlyError):
            await Publisher(client, keys).deliver("s", [reading("A", price=1.0)])
        with pytest.raises(redis.exceptions.ReadOnlyError):
            await Store(client, keys).accept(b"x")
        heard.append(await pubsub.get_message(timeout=0.1))

    assert heard == [None]


async def test_a_connection_that_was_refused_as_to_a_replica_is_not_used_again(
    client: Redis,
) -> None:
    first = await client.client_id()
    await client.replicaof(*NOBODY)

    with pytest.raises(redis.exceptions.ReadOnlyError):
        await client.set("a", "b")

    assert await client.client_id() != first


async def test_a_primary_that_was_a_replica_in_between_takes_no_commit_of_the_old_epoch(
    client: Redis,
) -> None:
    """It has the same run id; what it had not handed on when it was demoted may be gone."""
    writer = Writer(client, Keys())
    await writer.begin()
    await writer.commit([row(1)])
    before = await writer.store.run_id()
    await client.replicaof(*NOBODY)
    await client.replicaof("NO", "ONE")

    with pytest.raises(Diverged, match=r"^RUN "):
        await writer.commit([row(2)])
    with pytest.raises(Diverged, match=r"^RUN "):
        await writer.heartbeat()
    assert (await writer.store.run_id()).partition(":")[0] == before.partition(":")[0]
    await writer.begin("e2")
    assert await writer.commit([row(1)]) == 1


async def test_an_aggregator_starts_over_from_what_it_remembers(
    server: EmbeddedServer, client: Redis
) -> None:
    keys = Keys()
    store = Store(client, keys)
    async with aggregator(server.url, keys):
        first = await has_leader(store)
        await publish(client, keys, [reading(f"T{n}", price=float(n + 1)) for n in range(20)])
        await reaches(store, 20)
        await client.replicaof(*NOBODY)
        await client.replicaof("NO", "ONE")

        async def is_new_epoch() -> bool:
            meta = await store.meta()
            return meta.epoch != first.epoch and meta.tokens == 20 and not meta.seeding

        await eventually(is_new_epoch, timeout_s=30)
