"""Readings go out on `raw_tokens`, in messages small enough for everyone on the way."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from services.fetcher.counts import FetcherCounts
from shared.keys import Keys
from shared.model import Reading, ReadingBatch
from shared.redis.connect import Redis
from shared.redis.script import Script

MAX_READINGS: Final = 500
MAX_BYTES: Final = 1024 * 1024 - 64  # the script puts a position in front
BEHIND_S: Final = (0.1, 1.0)  # between two attempts while the aggregator is behind
_ENCODE: Final = msgspec.json.Encoder().encode
_PUBLISH: Final = Script("publish")


def messages(source: str, readings: Sequence[Reading], sent_ms: int) -> Iterator[bytes]:
    """Encode readings as batches of at most 500 readings and under 1 MiB, each with its own id.

    A single reading above 1 MiB cannot be: an answer shows at most some hundred pools.
    """
    for start in range(0, len(readings), MAX_READINGS):
        yield from _fitting(source, tuple(readings[start : start + MAX_READINGS]), sent_ms)


def _fitting(source: str, readings: tuple[Reading, ...], sent_ms: int) -> Iterator[bytes]:
    message = _ENCODE(
        ReadingBatch(source=source, batch_id=secrets.token_hex(8), sent_ms=sent_ms, tokens=readings)
    )
    if len(message) < MAX_BYTES or len(readings) == 1:
        yield message
        return
    half = len(readings) // 2
    yield from _fitting(source, readings[:half], sent_ms)
    yield from _fitting(source, readings[half:], sent_ms)


@dataclass(frozen=True, slots=True)
class Publisher:
    """Delivers readings by publishing them, at once unless the aggregator is behind."""

    redis: Redis
    keys: Keys
    counts: FetcherCounts = field(default_factory=FetcherCounts)

    async def deliver(
        self, source: str, readings: Sequence[Reading], sent_ms: int | None = None
    ) -> int:
        """Publish readings; return how many messages nobody received (the next poll repairs that).

        `sent_ms`: the time that they say of themselves, None for now. Raises ReadOnlyError on a
        server that was demoted: its subscribers are not the aggregator's.
        """
        unheard = 0
        at_ms = int(time.time() * 1_000) if sent_ms is None else sent_ms
        for message in messages(source, readings, at_ms):
            unheard += 0 if await self._publish(source, message) else 1
        return unheard

    async def publish_time(self, source: str, now_ms: int) -> int:
        """Publish a time without readings; return how many received it."""
        message = ReadingBatch(
            source=source, batch_id=secrets.token_hex(8), sent_ms=now_ms, tokens=()
        )
        return await self._publish(source, _ENCODE(message))

    async def _publish(self, source: str, message: bytes) -> int:
        """Publish once the aggregator has read enough of what came before; return receivers."""
        pause_s, most_s = BEHIND_S
        keys = [self.keys.raw_published, self.keys.raw_taken]
        args = [self.keys.raw_tokens, message]
        while (receivers := int(await _PUBLISH(self.redis, keys, args))) < 0:
            began = time.monotonic()
            await asyncio.sleep(pause_s * random.uniform(0.5, 1))
            self.counts[source].behind_s += time.monotonic() - began
            pause_s = min(most_s, pause_s * 2)
        return receivers
