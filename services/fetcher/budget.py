"""The call budget that all fetcher replicas share, kept in Redis by the store's clock.

Per upstream host and rate class one token bucket, and per host one hold: "nobody calls before
then", set when an upstream asks for it.
"""

from __future__ import annotations

from typing import Final

from shared.keys import Keys
from shared.redis.connect import Redis

# A bucket as one number: the time (µs) at which the next call is on schedule (GCRA). A call may be
# early by the burst, so in any span of T minutes at most `rate * T + burst` calls are allowed.
_TAKE: Final = """#!lua
local hold = redis.call('PTTL', KEYS[2])
if hold > 0 then return {hold, 1} end
local gap, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local next_us = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now)
local early = next_us - now - gap * (burst - 1)
if early > 0 then return {math.ceil(early / 1000), 0} end
next_us = next_us + gap
redis.call('SET', KEYS[1], string.format('%.0f', next_us), 'PX', math.ceil((next_us - now) / 1000))
return {0, 0}
"""
# A shorter wish never shortens a hold.
_HOLD: Final = """#!lua
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then
  redis.call('SET', KEYS[1], '1', 'PX', ARGV[1])
end
return 1
"""


def burst_of(per_minute: float) -> int:
    """Return how many calls may come at once: two seconds' worth, at most 10, at least 1."""
    return max(1, min(10, int(per_minute / 30)))


class Budget:
    """Asks for calls one at a time. Without the store there is no budget, so there are no calls."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._keys = keys
        self._take = redis.register_script(_TAKE)
        self._hold = redis.register_script(_HOLD)

    async def take(self, host: str, rate_class: str, per_minute: float) -> tuple[float, bool]:
        """Take one call; return (seconds to wait before asking again, the host is on hold).

        0 seconds: the call is granted. Otherwise nothing was taken.
        """
        wait_ms, held = await self._take(
            keys=[self._keys.fetch_bucket(host, rate_class), self._keys.fetch_hold(host)],
            args=[60_000_000 / per_minute, burst_of(per_minute)],
        )
        return int(wait_ms) / 1_000, bool(held)

    async def hold(self, host: str, seconds: float) -> None:
        """Let no replica call this host for so long; a longer hold that is there stays."""
        await self._hold(keys=[self._keys.fetch_hold(host)], args=[max(1, int(seconds * 1_000))])
