"""What is kept of posts: little of each, bounded for each producer, nothing that commits need."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from dexwire.server.up.embedded import EmbeddedServer
from services.api.ingest import receipts
from shared.keys import Keys
from shared.redis.connect import Redis, open_redis
from tests.testkit.api import Consumer, Start, consume


@pytest.fixture
async def consumer(redis: Redis, keys: Keys) -> AsyncIterator[Consumer]:
    async with consume(redis, keys) as consumer:
        yield consumer


def batch(word: str, bad: int = 499) -> dict[str, Any]:
    """One good token, and bad ones that the answer repeats in part."""
    junk = [{"token_address": "A", f"{word}{n * 7919 % 1000:x}{'?' * 40}": n} for n in range(bad)]
    return {"source": "mybot", "tokens": [{"token_address": "Abc", "price": 1.5}, *junk]}


@pytest.mark.usefixtures("consumer")
@pytest.mark.parametrize("bad", [0, 120, 499])
async def test_a_batch_costs_the_store_little_and_a_repeat_gets_the_same_answer(
    start: Start, redis: Redis, keys: Keys, bad: int
) -> None:
    served = await start()
    headers = {"idempotency-key": "b1"}

    first = await served.client.post("/ingest", json=batch("x", bad), headers=headers)
    again = await served.client.post("/ingest", json=batch("x", bad), headers=headers)

    size = await redis.memory_usage(keys.ingest_seen("local", "b1"))
    print(f"{len(first.content)} bytes of an answer cost the store {size}")
    assert (first.status_code, len(first.json()["rejected"])) == (202, bad)
    assert again.content == first.content
    assert size is not None
    assert size <= 2_048


@pytest.mark.usefixtures("consumer")
async def test_one_producer_has_a_budget_of_kept_answers(
    start: Start, redis: Redis, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receipts, "BUDGET", 60)
    served = await start()

    answers = [
        await served.client.post("/ingest", json=batch("x", 0), headers={"idempotency-key": key})
        for key in ("b1", "b2", "b1", "b2")
    ]
    kept = [await redis.hget(keys.ingest_seen("local", key), "answer") for key in ("b1", "b2")]

    assert [answer.status_code for answer in answers] == [202] * 4
    assert answers[3].content == answers[1].content
    assert [bool(each) for each in kept] == [True, False]


async def test_what_is_noted_of_a_batch_without_an_answer_is_forgotten_too(
    start: Start, redis: Redis, keys: Keys
) -> None:
    """Nobody consumes, so that the post is refused after it was noted."""
    served = await start()

    refused = await served.client.post(
        "/ingest", json=batch("x", 0), headers={"idempotency-key": "b1"}
    )

    assert refused.json()["code"] == "no_consumer"
    assert 590_000 < await redis.pttl(keys.ingest_seen("local", "b1")) <= 600_000


async def test_in_a_store_that_is_nearly_full_no_post_is_noted(
    start: Start, private_server: Callable[..., EmbeddedServer], keys: Keys
) -> None:
    server = private_server()
    async with open_redis(server.url) as client, consume(client, keys):
        served = await start(redis_url=server.url, api_rate=0)
        await client.set("others", b"x" * 20_000_000)
        used = int((await client.info("memory"))["used_memory"])
        await client.config_set("maxmemory", str(int(used / 0.92)))

        noted = await served.client.post(
            "/ingest", json=batch("x", 0), headers={"idempotency-key": "b1"}
        )
        other = await served.client.post("/ingest", json=batch("x", 0))

        assert (noted.status_code, noted.json()["code"]) == (503, "storage_full")
        assert noted.headers["retry-after"] == "5"
        assert other.status_code == 202
        assert await client.exists(keys.ingest_seen("local", "b1")) == 0
