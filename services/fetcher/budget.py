"""The call budget that all fetcher replicas share, kept in Redis by the store's clock.

Per upstream host and rate class one token bucket, and per host one hold: "nobody calls before
then", set when an upstream requests it.
"""

from __future__ import annotations

from shared.keys import Keys
from shared.redis.connect import Redis
from shared.redis.script import Script

_TAKE_CALL, _HOLD = (
    Script(name, package="services.fetcher.scripts") for name in ("take_call", "hold")
)


def burst_of(per_minute: float) -> int:
    """Return how many calls may come at once: two seconds' worth, at most 10, at least 1."""
    return max(1, min(10, int(per_minute / 30)))


class Budget:
    """Requests calls one at a time. Without the store there is no budget, so there are no calls."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._keys = keys

    async def take(self, host: str, rate_class: str, per_minute: float) -> tuple[float, bool]:
        """Take one call; return (seconds to wait before asking again, the host is on hold).

        0 seconds: the call is granted. Otherwise nothing was taken.
        """
        wait_ms, held = await _TAKE_CALL(
            self._redis,
            [self._keys.fetch_bucket(host, rate_class), self._keys.fetch_hold(host)],
            [60_000_000 / per_minute, burst_of(per_minute)],
        )
        return int(wait_ms) / 1_000, bool(held)

    async def take_spare(self, host: str, rate_class: str, per_minute: float) -> bool:
        """Take one call if nobody has called lately, so that none of them waits for it."""
        wait_ms, _ = await _TAKE_CALL(
            self._redis,
            [self._keys.fetch_bucket(host, rate_class), self._keys.fetch_hold(host)],
            [60_000_000 / per_minute, 1],  # no burst: the schedule of all others is behind us
        )
        return not int(wait_ms)

    async def hold(self, host: str, seconds: float) -> None:
        """Let no replica call this host for so long; a longer hold that is there stays."""
        await _HOLD(self._redis, [self._keys.fetch_hold(host)], [max(1, int(seconds * 1_000))])
