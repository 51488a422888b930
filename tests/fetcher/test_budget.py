"""The shared call budget, against a real server."""

from __future__ import annotations

import asyncio
import time

import pytest

from services.fetcher.budget import Budget, burst_of
from shared.keys import Keys
from shared.redis.connect import Redis, open_redis


@pytest.mark.parametrize(("per_minute", "burst"), [(10, 1), (24, 1), (48, 1), (240, 8), (6000, 10)])
def test_a_burst_is_two_seconds_worth_and_at_most_ten(per_minute: float, burst: int) -> None:
    assert burst_of(per_minute) == burst


@pytest.mark.parametrize("replicas", [1, 3, 10])
async def test_replicas_together_stay_below_the_rate(
    redis_url: str, keys: Keys, replicas: int
) -> None:
    rate, seconds, granted = 1200.0, 1.5, 0
    end = time.monotonic() + seconds

    async def replica() -> None:
        nonlocal granted
        async with open_redis(redis_url) as own:
            budget = Budget(own, keys)
            while time.monotonic() < end:
                wait_s, _ = await budget.take("host", "pairs", rate)
                granted += not wait_s
                await asyncio.sleep(wait_s)

    await asyncio.gather(*(replica() for _ in range(replicas)))

    # 20 a second for 1.5 s, and the burst. A busy machine may ask for fewer.
    assert 0.5 * 30 <= granted <= 30 + burst_of(rate) + 1


async def test_hosts_and_rate_classes_have_budgets_of_their_own(redis: Redis, keys: Keys) -> None:
    budget = Budget(redis, keys)

    assert (await budget.take("host", "lists", 1))[0] == 0
    assert (await budget.take("host", "lists", 1))[0] == pytest.approx(60, abs=1)
    assert (await budget.take("host", "pairs", 1))[0] == 0
    assert (await budget.take("other", "lists", 1))[0] == 0


async def test_a_refused_call_takes_nothing(redis: Redis, keys: Keys) -> None:
    budget = Budget(redis, keys)
    await budget.take("host", "lists", 30)

    waits = [(await budget.take("host", "lists", 30))[0] for _ in range(5)]

    assert all(1.5 < wait <= 2 for wait in waits)


async def test_a_hold_is_for_all_and_is_never_shortened(redis: Redis, keys: Keys) -> None:
    mine, yours = Budget(redis, keys), Budget(redis, keys)

    await mine.hold("host", 30)
    await yours.hold("host", 1)
    wait_s, held = await yours.take("host", "lists", 60)

    assert held
    assert 29 < wait_s <= 30
    assert (await yours.take("other", "lists", 60)) == (0, False)


async def test_a_bucket_leaves_the_store_when_it_is_full(redis: Redis, keys: Keys) -> None:
    await Budget(redis, keys).take("host", "lists", 60)

    assert 0 < await redis.pttl(keys.fetch_bucket("host", "lists")) <= 1000
