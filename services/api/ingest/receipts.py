"""When a batch was received, how often one may come, and whether it came before."""

from __future__ import annotations

import hashlib
import math
import time
import zlib
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

from shared.edge.http.problem import Problem
from shared.edge.http.storage import storage
from shared.keys import INGEST_SEEN_MS, Keys
from shared.redis.connect import Redis
from shared.redis.script import Script

_ADMIT, _SEEN = (Script(name, package="services.api.ingest.scripts") for name in ("admit", "seen"))
# Bytes of an answer that is kept, compressed: with what Redis needs for its key, 2 KB.
ANSWER_MAX: Final = 1_700
_PACK_MAX: Final = 16 * 1024  # longer answers are not even compressed
BUDGET: Final = 4 * 1024 * 1024  # bytes of one producer's answers in INGEST_SEEN_MS
ROOM: Final = 0.9  # share of the store's memory up to which posts are noted
_LOOK_EVERY_S: Final = 1.0
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


class AnswerBudget:
    """How many bytes of answers each producer has in the store, roughly: of one replica."""

    def __init__(self) -> None:
        self._since_s = 0.0
        self._used: Counter[str] = Counter()

    def take(self, producer: str, size: int) -> bool:
        """Count an answer's bytes; return whether it may be kept."""
        now_s = time.monotonic()
        if now_s - self._since_s >= INGEST_SEEN_MS / 1000:  # as long as an answer is kept
            self._since_s = now_s
            self._used.clear()
        self._used[producer] += size
        return self._used[producer] <= BUDGET


class Receipts:
    """The notes on batches, in the store: shared by all replicas of the api."""

    def __init__(self, redis: Redis, keys: Keys, *, rate: float, burst: int) -> None:
        self._redis: Any = redis  # its reply types name every way of decoding
        self._keys = keys
        self._each_us = max(1, round(1_000_000 / rate))
        self._burst = burst
        self._budget = AnswerBudget()
        self._look_s = 0.0  # when to look again how full the store is
        self._nearly_full = False

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
        await self._check_room()
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
        return BatchReceipt(int(first_ms), int(status) if status else None, _unpacked(answer))

    async def answered(self, producer: str, batch_id: str, status: int, answer: bytes) -> None:
        """Note the answer that a batch got.

        One that is too long, or beyond the producer's budget, is not kept: then a repeat is
        published once more, which changes nothing, and gets an answer of its own.
        """
        key = self._keys.ingest_seen(producer, batch_id)
        packed = zlib.compress(answer) if len(answer) <= _PACK_MAX else b""
        if len(packed) > ANSWER_MAX or not self._budget.take(producer, len(packed)):
            packed = b""
        async with storage(), self._redis.pipeline(transaction=True) as pipe:
            pipe.hset(key, mapping={"status": status, "answer": packed})
            pipe.pexpire(key, INGEST_SEEN_MS)
            await pipe.execute()

    async def _check_room(self) -> None:
        """Leave the last tenth of the store to commits. Raises Problem 503."""
        now_s = time.monotonic()
        if now_s >= self._look_s:
            self._look_s = now_s + _LOOK_EVERY_S
            async with storage():
                memory = await self._redis.info("memory")
            limit = int(memory["maxmemory"])
            self._nearly_full = bool(limit) and int(memory["used_memory"]) > ROOM * limit
        if self._nearly_full:
            detail = "the store is nearly full, and what is left is for commits"
            raise Problem(503, "storage_full", detail, retry_after_s=5)


def _unpacked(answer: bytes | None) -> bytes | None:
    """Return a kept answer; None: there is none, or it was not kept."""
    if not answer:
        return None
    return answer if answer.startswith(b"{") else zlib.decompress(answer)  # as older apis kept it
