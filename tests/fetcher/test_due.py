"""The shared queues of tokens to ask for again, against a real server."""

from __future__ import annotations

import asyncio

from services.fetcher.due import FORGET_MS, NEW, UNASKED, DueTokens
from shared.keys import Keys
from shared.redis.connect import Redis, open_redis


def due(redis: Redis, keys: Keys, *, known_max: int = 1_000) -> DueTokens:
    return DueTokens(redis, keys, known_max=known_max)


async def offer(queue: DueTokens, *ids: str, score: int | str = NEW) -> None:
    await queue.offer({each: {"a": score} for each in ids}, ["a", "b"])


async def test_tokens_without_a_price_come_first(redis: Redis, keys: Keys) -> None:
    queue = due(redis, keys)
    await offer(queue, "solana:priced", score=UNASKED)
    await offer(queue, "solana:new", score=NEW)
    await offer(queue, "solana:seen", score="now")

    assert await queue.take_due("a", again_s=30, limit=10) == ["solana:new", "solana:priced"]


async def test_what_was_taken_is_not_taken_again_until_its_time(redis: Redis, keys: Keys) -> None:
    queue = due(redis, keys)
    await offer(queue, "solana:x")

    assert await queue.take_due("a", again_s=0.2, limit=10) == ["solana:x"]
    assert await queue.take_due("a", again_s=0.2, limit=10) == []
    await offer(queue, "solana:x")  # named again: keeps its place
    assert await queue.take_due("a", again_s=0.2, limit=10) == []
    await asyncio.sleep(0.25)
    assert await queue.take_due("a", again_s=0.2, limit=10) == ["solana:x"]


async def test_two_replicas_never_take_the_same(redis_url: str, keys: Keys) -> None:
    async with open_redis(redis_url) as one, open_redis(redis_url) as two:
        await offer(due(one, keys), *(f"solana:{i}" for i in range(300)))
        queues = [due(one, keys), due(two, keys)] * 10

        takes = await asyncio.gather(*(each.take_due("a", again_s=30, limit=30) for each in queues))

    taken = [token for take in takes for token in take]
    assert len(taken) == len(set(taken)) == 300


async def test_a_source_gets_only_what_is_offered_to_it(redis: Redis, keys: Keys) -> None:
    queue = due(redis, keys)
    await queue.offer({"base:x": {"a": NEW}, "solana:y": {"b": NEW}}, ["a", "b"])

    assert await queue.take_due("a", again_s=30, limit=10) == ["base:x"]
    assert await queue.take_due("b", again_s=30, limit=10) == ["solana:y"]


async def test_past_the_bound_the_longest_unnamed_leave_all_queues(
    redis: Redis, keys: Keys
) -> None:
    queue = due(redis, keys, known_max=3)
    await offer(queue, "solana:old")
    await redis.zadd(keys.fetch_known, {"solana:old": 1})
    await offer(queue, "solana:1", "solana:2", "solana:3")

    assert await redis.zrange(keys.fetch_known, 0, -1) == [b"solana:1", b"solana:2", b"solana:3"]
    assert await redis.zscore(keys.fetch_due("a"), "solana:old") is None


async def test_what_no_list_names_for_a_day_is_forgotten(redis: Redis, keys: Keys) -> None:
    queue = due(redis, keys)
    await offer(queue, "solana:x", "solana:y")
    now_ms = int((await redis.time())[0]) * 1000
    await redis.zadd(keys.fetch_known, {"solana:x": now_ms - FORGET_MS - 5_000})

    assert await queue.take_due("a", again_s=30, limit=10) == ["solana:y"]
    assert await redis.zrange(keys.fetch_due("a"), 0, -1) == [b"solana:y"]
    assert await redis.zrange(keys.fetch_known, 0, -1) == [b"solana:y"]


async def test_hot_tokens_are_taken_in_their_order_and_sooner(redis: Redis, keys: Keys) -> None:
    queue = due(redis, keys)
    await offer(queue, "solana:1", score="now")
    hot = ["solana:3", "solana:1", "solana:2"]

    assert await queue.take_of("a", hot, again_s=0.1, limit=1) == ["solana:3"]
    assert await queue.take_of("a", hot, again_s=30, limit=9) == ["solana:2"]
    await asyncio.sleep(0.15)
    assert await queue.take_of("a", hot, again_s=0.1, limit=9) == hot


async def test_asking_for_hot_tokens_counts_for_the_others_cache_time(
    redis: Redis, keys: Keys
) -> None:
    queue = due(redis, keys)
    await offer(queue, "solana:x")

    assert await queue.take_of("a", ["solana:x"], again_s=5, limit=9) == ["solana:x"]
    assert await queue.take_due("a", again_s=30, limit=9) == []
