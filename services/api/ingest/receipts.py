"""When a batch was received, how often one may come, and whether it came before."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Any

from services.api.edge.problem import Problem
from services.api.storage import storage
from shared.keys import INGEST_SEEN_MS, Keys
from shared.redis.connect import Redis
from shared.state.store import Script

_ADMIT, _SEEN = (Script(name, package="services.api.ingest.scripts") for name in ("admit", "seen"))
_SOURCES_MAX = 1_024


@dataclass(frozen=True, slots=True)
class BatchReceipt:
    """A batch's first arrival, and the answer that it got if it got one."""

    received_ms: int
    status: int | None = None
    answer: bytes | None = None


class ReceiptClock:
    """Strictly increasing times of receipt per source. Pure.

    Two posts within a millisecond would otherwise tie, and the merge rules settle a tie by value,
    not by which came last.
    """

    def __init__(self) -> None:
        self._last: dict[str, int] = {}

    def tick(self, source: str, now_ms: int) -> int:
        """Return the time of receipt of a batch that arrived at `now_ms`."""
        received_ms = max(now_ms, self._last.pop(source, 0) + 1)
        if len(self._last) >= _SOURCES_MAX:
            del self._last[next(iter(self._last))]  # the source that was silent for longest
        self._last[source] = received_ms
        return received_ms


class Receipts:
    """The notes on batches, in the store: shared by all replicas of the api."""

    def __init__(self, redis: Redis, keys: Keys, *, rate: float, burst: int) -> None:
        self._redis: Any = redis  # its reply types name every way of decoding
        self._keys = keys
        self._each_us = max(1, round(1_000_000 / rate))
        self._burst = burst

    async def admit(self, producer: str) -> int:
        """Count one post of a producer; return the store's time in ms. Raises Problem 429."""
        async with storage():
            wait_ms, now_ms = await _ADMIT(
                self._redis, [self._keys.ingest_rate(producer)], [self._each_us, self._burst]
            )
        if wait_ms:
            per_s = 1_000_000 / self._each_us
            detail = f"more than {per_s:g} posts a second"
            raise Problem(429, "rate", detail, retry_after_s=math.ceil(wait_ms / 1000))
        return int(now_ms)

    async def take(
        self, producer: str, batch_id: str, body: bytes, received_ms: int
    ) -> BatchReceipt:
        """Note a batch, or return what is known of it. Raises Problem 422 for another body."""
        digest = hashlib.sha256(body).digest()
        async with storage():
            first_body, first_ms, status, answer = await _SEEN(
                self._redis,
                [self._keys.ingest_seen(producer, batch_id)],
                [digest, received_ms, INGEST_SEEN_MS],
            )
        if first_body != digest:
            detail = "this Idempotency-Key was used with another body in the last ten minutes"
            raise Problem(422, "key_reused", detail)
        return BatchReceipt(int(first_ms), int(status) if status else None, answer)

    async def answered(self, producer: str, batch_id: str, status: int, answer: bytes) -> None:
        """Note the answer that a batch got."""
        key = self._keys.ingest_seen(producer, batch_id)
        async with storage(), self._redis.pipeline(transaction=True) as pipe:
            pipe.hset(key, mapping={"status": status, "answer": answer})
            pipe.pexpire(key, INGEST_SEEN_MS)
            await pipe.execute()
