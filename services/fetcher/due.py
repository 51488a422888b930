"""Which tokens are requested again, and when: shared by all replicas.

Per source (and queue) a sorted set holds token ids by the time (ms) at which they were last
requested; `NEW` for never, and without a price anywhere we know of; `UNASKED` for never. A second
sorted set, for all sources, holds ids by the time they were last named by a list.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from shared.keys import Keys
from shared.redis.connect import Redis
from shared.redis.script import Script

NEW: Final = 0
UNASKED: Final = 1
FORGET_MS: Final = 24 * 3_600_000
_OFFER, _TAKE_DUE, _TAKE_OF = (
    Script(name, package="services.fetcher.scripts") for name in ("offer", "take_due", "take_of")
)


class DueTokens:
    """The queues of one deployment."""

    def __init__(self, redis: Redis, keys: Keys, *, known_max: int) -> None:
        self._redis = redis
        self._keys = keys
        self._known_max = known_max

    async def offer(
        self, ids: Mapping[str, Mapping[str, int | str]], sources: Sequence[str]
    ) -> None:
        """Name token ids; `ids[id][source]` is NEW, UNASKED or "now" (just seen), if it is for it.

        An id that a queue knows keeps its place there. `sources` are all that have a queue.
        """
        args: list[str | int] = [self._known_max]
        for token, scores in ids.items():
            args += [token, *(scores.get(source, "") for source in sources)]
        queues = [self._keys.fetch_due(source) for source in sources]
        await _OFFER(self._redis, [self._keys.fetch_known, *queues], args)

    async def take_due(self, queue: str, *, again_s: float, limit: int) -> list[str]:
        """Take up to `limit` ids, those requested longest ago first."""
        taken = await _TAKE_DUE(
            self._redis,
            [self._keys.fetch_due(queue), self._keys.fetch_known],
            [int(again_s * 1_000), limit, FORGET_MS],
        )
        return [token.decode() for token in taken]

    async def take_of(
        self,
        queue: str,
        ids: Iterable[str],
        *,
        again_s: float,
        limit: int,
        forget_ms: int = FORGET_MS,
    ) -> list[str]:
        """Take up to `limit` of these ids, in their order, unless requested within `again_s`."""
        taken = await _TAKE_OF(
            self._redis,
            [self._keys.fetch_due(queue)],
            [int(again_s * 1_000), limit, forget_ms, *ids],
        )
        return [token.decode() for token in taken]
