"""`POST /ingest` by a fetcher: with the right `polled`, as a polled source, with pools."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec
import pytest

from shared.keys import Keys
from shared.model import PoolReading, Reading
from shared.redis.connect import Redis
from tests.testkit.api import Consumer, Served, Start, consume
from tests.testkit.wait import eventually

SECRET = "0123456789abcdef0123456789abcdef"
KEYS = f"bot.{SECRET},fetcher:polled.{SECRET}"
WSOL = "So11111111111111111111111111111111111111112"
POOL = PoolReading(pool_address="PoolA", protocol="raydium", price=1.5, liquidity=20_000.0)
READING = Reading(
    chain="solana", token_address="Abc", observed_ms=1_790_000_000_000, price=None, pools=(POOL,)
)


@pytest.fixture
async def consumer(redis: Redis, keys: Keys) -> AsyncIterator[Consumer]:
    async with consume(redis, keys) as consumer:
        yield consumer


def body(source: str, *tokens: object) -> bytes:
    return msgspec.json.encode({"source": source, "tokens": tokens})


async def post(served: Served, content: bytes, key: str = "fetcher") -> Mapping[str, Any]:
    """Post with one of the keys; return the answer with its status."""
    headers = {"authorization": f"Bearer {key}.{SECRET}", "content-type": "application/json"}
    answer = await served.client.post("/ingest", content=content, headers=headers)
    return {"status": answer.status_code, **answer.json()}


async def test_a_reading_is_published_as_it_came_under_its_source_s_own_name(
    start: Start, consumer: Consumer
) -> None:
    served = await start(ingest_api_keys=KEYS)
    newer = msgspec.to_builtins(READING) | {"a_field_of_tomorrow": 1}

    answer = await post(served, body("dexscreener", READING, newer))

    assert (answer["status"], answer["accepted"], answer["rejected"]) == (202, 2, [])
    await eventually(lambda: consumer.batches)
    (batch,) = consumer.batches
    assert batch.source == "dexscreener"
    assert bytes(batch.tokens[0]) == msgspec.json.encode(READING)
    assert consumer.tokens()[1]["a_field_of_tomorrow"] == 1


async def test_quote_assets_are_taken_since_the_aggregator_knows_the_coins_by_them(
    start: Start, consumer: Consumer
) -> None:
    served = await start(ingest_api_keys=KEYS)
    coin = Reading(chain="solana", token_address=WSOL, observed_ms=1_790_000_000_000, price=150.0)

    assert (await post(served, body("jupiter", coin)))["status"] == 202
    await eventually(lambda: [t["token_address"] for t in consumer.tokens()] == [WSOL])


async def test_each_reading_is_judged_alone_as_the_aggregator_would(
    start: Start, consumer: Consumer
) -> None:
    served = await start(ingest_api_keys=KEYS)
    good = msgspec.to_builtins(READING)
    bad = [
        {**good, "price": "1"},
        {**good, "price": -1.0},
        {**good, "chain": "?"},
        {**good, "token_address": "a/b"},
        {"chain": "solana", "token_address": "Abc"},
    ]

    answer = await post(served, body("dexscreener", *bad, good))

    assert answer["accepted"] == 1
    assert [(r["index"], r["code"]) for r in answer["rejected"]] == [
        (0, "wrong_type"),
        (1, "out_of_range"),
        (2, "bad_chain"),
        (3, "bad_address"),
        (4, "missing_field"),
    ]
    await eventually(lambda: len(consumer.tokens()) == 1)


@pytest.mark.parametrize(
    ("key", "source", "message"),
    [
        ("bot", "dexscreener", "only a key with the right `polled` may post as one"),
        ("fetcher", "mybot", "mybot is no polled source; this key may post as one only"),
    ],
)
async def test_a_key_posts_as_what_it_has_the_right_to_and_the_field_is_named(
    start: Start, consumer: Consumer, key: str, source: str, message: str
) -> None:
    served = await start(ingest_api_keys=KEYS)

    answer = await post(served, body(source, READING), key)

    assert (answer["status"], answer["code"], answer["param"]) == (422, "bad_source", "$.source")
    assert message in answer["detail"]
    assert consumer.batches == []


@pytest.mark.usefixtures("consumer")
async def test_a_producer_has_no_pools(start: Start) -> None:
    served = await start(ingest_api_keys=KEYS)

    answer = await post(served, body("mybot", READING), "bot")

    assert (answer["status"], answer["code"]) == (422, "none_accepted")
    assert [(r["code"], "'pools'" in r["detail"]) for r in answer["rejected"]] == [
        ("unknown_field", True)
    ]


@pytest.mark.usefixtures("consumer")
async def test_with_fetchers_keys_alone_this_machine_still_posts_without_one(start: Start) -> None:
    ours = await start(ingest_api_keys=f"fetcher:polled.{SECRET}")
    others = await start(ingest_api_keys=f"fetcher:polled.{SECRET}", peer="192.0.2.1")
    one = {"source": "mybot", "tokens": [{"token_address": "Abc", "price": 1}]}

    assert (await ours.client.post("/ingest", json=one)).status_code == 202
    assert (await others.client.post("/ingest", json=one)).json()["code"] == "loopback_only"
    assert (await post(ours, body("jupiter", READING), "thief"))["code"] == "unauthorized"
    assert (await post(others, body("jupiter", READING)))["status"] == 202
