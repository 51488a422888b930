"""What stands behind `/ingest` in a test: a lease, and somebody who listens to `raw_tokens`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import msgspec

from shared.keys import Keys
from shared.model import RawBatch
from shared.redis.connect import Redis
from tests.api.writer import Writer

_decoder = msgspec.json.Decoder(RawBatch)


@dataclass
class Consumer:
    """What was published, and what is to be done with it."""

    batches: list[RawBatch] = field(default_factory=list)
    committing: Writer | None = None  # commits the acks that are asked for

    def tokens(self) -> list[dict[str, Any]]:
        """Return all tokens that were published, in order."""
        return [msgspec.json.decode(raw) for batch in self.batches for raw in batch.tokens]


@asynccontextmanager
async def consume(redis: Redis, keys: Keys) -> AsyncIterator[Consumer]:
    """Hold a lease and listen."""
    consumer = Consumer()
    await redis.set(keys.lease, "test-consumer", px=60_000)
    async with redis.pubsub(ignore_subscribe_messages=True) as pubsub:
        await pubsub.subscribe(keys.raw_tokens)
        await pubsub.get_message(timeout=1.0)  # the confirmation

        async def listen() -> None:
            async for message in pubsub.listen():
                batch = _decoder.decode(message["data"])
                consumer.batches.append(batch)
                if batch.ack and consumer.committing is not None:
                    await consumer.committing.commit(acks=(batch.batch_id,))

        listening = asyncio.create_task(listen())
        try:
            yield consumer
        finally:
            listening.cancel()
            with suppress(asyncio.CancelledError):
                await listening
            await redis.delete(keys.lease)
