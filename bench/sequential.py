"""The aggregator that most services begin with: token by token, one command after the other.

For each reading: read the token's hash, keep what is newer, write the hash, one ZADD per changed
index, and publish the change. No window, no exact versions, no takeover. It is what
`bench/aggregator.py` measures dexwire's beside.
"""

from __future__ import annotations

import asyncio
import os

import msgspec
from redis.asyncio import Redis

from shared.keys import Keys
from shared.model import METRICS, RawBatch, Reading

METRIC_OF_FIELD = {name: metric for metric, name in METRICS.items()}
decode_batch = msgspec.json.Decoder(RawBatch).decode
decode_reading = msgspec.json.Decoder(Reading).decode


async def merge(redis: Redis, keys: Keys, reading: Reading) -> None:
    """Write what a reading changes of its token."""
    token = f"{reading.chain}:{reading.token_address}"
    stored = await redis.hgetall(keys.token(token))
    given = msgspec.to_builtins(reading)
    for pool in given.pop("pools", ()):
        given |= pool  # the last pool wins
    held = {name: msgspec.json.encode(value) for name, value in given.items()}
    changed = {n: v for n, v in held.items() if stored.get(n.encode()) != v}
    if not changed.keys() - {"observed_ms"}:
        return
    await redis.hset(keys.token(token), mapping=changed)
    for name, value in changed.items():
        if name in METRIC_OF_FIELD:
            await redis.zadd(keys.index(METRIC_OF_FIELD[name]), {token: float(value)})
    await redis.publish(keys.state_changes, msgspec.json.encode({"id": token, **given}))


async def main() -> None:
    keys = Keys(os.environ["REDIS_PREFIX"])
    redis = Redis.from_url(os.environ["REDIS_URL"])
    async with redis.pubsub() as subscription:
        await subscription.subscribe(keys.raw_tokens)
        async for message in subscription.listen():
            if message["type"] != "message":
                continue
            batch = decode_batch(message["data"])
            for raw in batch.tokens:
                await merge(redis, keys, decode_reading(raw))
            if batch.ack:
                await redis.publish(keys.state_changes, f'{{"acks":["{batch.batch_id}"]}}')


if __name__ == "__main__":
    asyncio.run(main())
