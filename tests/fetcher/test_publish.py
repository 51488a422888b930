"""Readings go out in messages that everyone on the way can take."""

from __future__ import annotations

import msgspec

from services.fetcher.publish import MAX_BYTES, Publisher, messages
from shared.keys import Keys
from shared.model import PoolReading, RawBatch, Reading, ReadingBatch
from shared.redis.connect import Redis
from tests.testkit.wait import eventually

AT = 1_700_000_000_000


def readings(n: int, pools: int = 0) -> list[Reading]:
    return [
        Reading(
            chain="solana",
            token_address=f"T{i}",
            observed_ms=AT,
            token_name="n" * 128,
            pools=tuple(PoolReading(pool_address="P" * 120, price=1.5) for _ in range(pools)),
        )
        for i in range(n)
    ]


def decoded(parts: list[bytes]) -> list[ReadingBatch]:
    return [msgspec.json.decode(part, type=ReadingBatch) for part in parts]


def test_a_batch_has_at_most_500_readings_and_its_own_id() -> None:
    batches = decoded(list(messages("s", readings(1_200), AT)))

    assert [len(batch.tokens) for batch in batches] == [500, 500, 200]
    assert len({batch.batch_id for batch in batches}) == 3
    assert {(batch.source, batch.sent_ms, batch.schema) for batch in batches} == {("s", AT, 1)}


def test_a_batch_stays_under_a_mebibyte_and_loses_nothing() -> None:
    sent = readings(500, pools=30)
    parts = list(messages("s", sent, AT))

    assert max(len(part) for part in parts) < MAX_BYTES
    assert [token for batch in decoded(parts) for token in batch.tokens] == sent


def test_no_readings_are_no_message() -> None:
    assert list(messages("s", [], AT)) == []


async def test_subscribers_get_the_messages_and_silence_is_counted(
    redis: Redis, keys: Keys
) -> None:
    publisher = Publisher(redis, keys)
    assert await publisher.deliver("s", readings(1)) == 1  # nobody heard it

    async with redis.pubsub() as subscription:
        await subscription.subscribe(keys.raw_tokens)
        await subscription.get_message(timeout=2)
        assert await publisher.deliver("s", readings(1)) == 0
        message = await eventually(lambda: subscription.get_message(timeout=1))

    batch = msgspec.json.decode(message["data"], type=RawBatch)
    assert msgspec.json.decode(batch.tokens[0], type=Reading) == readings(1)[0]
