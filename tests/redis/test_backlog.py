"""What is published and not read yet is bounded, over all publishers together."""

from __future__ import annotations

import asyncio

import pytest

from services.fetcher.counts import FetcherCounts
from services.fetcher.publish import Publisher
from shared.errors import Behind, Fenced
from shared.keys import TAKEN_MS, Keys
from shared.model import Reading
from shared.redis.connect import Redis
from shared.state.store import Lease, Store
from tests.testkit.wait import eventually

BATCH = b'{"source":"bot","batch_id":"b","tokens":[]}'
EACH = len(BATCH) + 64  # as the scripts count a message
MOST = 9 * EACH  # the last of them fills it exactly


@pytest.fixture
def store(redis: Redis, keys: Keys) -> Store:
    return Store(redis, keys)


@pytest.fixture
async def lease(store: Store) -> Lease:
    lease = await store.acquire("one")
    assert lease is not None
    return lease


async def published(store: Store) -> int:
    """Publish until it is refused; return the messages that were published."""
    messages = 0
    for _ in range(100):
        try:
            await store.accept(BATCH)
        except Behind:
            return messages
        messages += 1
    return messages


async def test_publishers_are_ahead_by_the_bound_and_go_on_once_that_is_read(
    store: Store, lease: Lease
) -> None:
    assert await store.taken(lease.fence, None, MOST) == (0, 0)

    assert await published(store) == MOST // EACH
    ahead = MOST // EACH * EACH
    assert await store.taken(lease.fence, 0, MOST) == (0, ahead)
    assert await published(store) == 0

    assert await store.taken(lease.fence, ahead, MOST) == (ahead, ahead)
    assert await published(store) == MOST // EACH


async def test_a_message_longer_than_the_bound_goes_when_nothing_is_ahead(
    store: Store, lease: Lease
) -> None:
    await store.taken(lease.fence, None, 1)

    assert await published(store) == 1


async def test_who_has_just_subscribed_waits_for_nothing_that_came_before(
    store: Store, lease: Lease
) -> None:
    await store.taken(lease.fence, None, MOST)
    await published(store)

    at, of = await store.taken(lease.fence, None, MOST)

    assert (at, of) == (MOST // EACH * EACH, MOST // EACH * EACH)
    assert await published(store) == MOST // EACH


async def test_a_count_that_began_again_holds_nobody_back_for_long(
    redis: Redis, store: Store, lease: Lease
) -> None:
    await store.taken(lease.fence, 10**12, MOST)  # before the store lost its data

    assert await published(store) == MOST // EACH
    await store.taken(lease.fence, MOST // EACH * EACH, MOST)
    assert await published(store) == MOST // EACH
    assert await redis.get(store.keys.raw_published) == b"%d" % (2 * (MOST // EACH * EACH))


async def test_without_an_aggregator_nothing_is_held_back(
    redis: Redis, keys: Keys, store: Store, lease: Lease
) -> None:
    await store.taken(lease.fence, None, 1)
    await published(store)
    assert 0 < await redis.pttl(keys.raw_taken) <= TAKEN_MS

    await redis.delete(keys.raw_taken)  # as time does

    assert await published(store) == 100


async def test_a_former_aggregator_moves_nothing(redis: Redis, keys: Keys, store: Store) -> None:
    former = await store.acquire("one")
    await redis.delete(keys.lease)
    assert await store.acquire("two")
    assert former is not None

    with pytest.raises(Fenced):
        await store.taken(former.fence, None, MOST)


async def test_a_fetcher_waits_until_the_aggregator_has_read_enough(
    redis: Redis, keys: Keys, store: Store, lease: Lease
) -> None:
    await store.taken(lease.fence, None, 1)
    await published(store)
    counts = FetcherCounts()
    reading = Reading(chain="solana", token_address="A", observed_ms=1_700_000_000_000, price=1.0)

    delivering = asyncio.create_task(Publisher(redis, keys, counts).deliver("s", [reading]))
    await eventually(lambda: counts["s"].behind_s > 0)
    assert not delivering.done()
    await store.taken(lease.fence, None, 1)

    assert await delivering == 1  # nobody subscribes
    assert counts["s"].behind_s > 0
