"""Job leases: of all replicas one runs a job at a time, once per interval.

One key per job says both. While the job runs it holds the runner's token and is renewed; after
that it holds "rest" and ends when the next run is due. So the replica that creates it may run the
job, and when a runner dies its job moves on within one lease.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from shared.process.logs import get_logger
from shared.redis.connect import UNREACHABLE, Redis

log = get_logger(__name__)

LEASE_MIN_S: Final = 2.0
LEASE_MAX_S: Final = 30.0
# Who waits looks again this often, should the key end early.
LOOK_S: Final = 1.0

_CLAIM: Final = """#!lua
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 0 end
local left = redis.call('PTTL', KEYS[1])
if left < 0 then  -- ours always end; one that does not would stop the job for ever
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  left = tonumber(ARGV[2])
end
return math.max(1, left)
"""
_RENEW: Final = """#!lua
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""
_FINISH: Final = """#!lua
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if tonumber(ARGV[2]) < 1 then return redis.call('DEL', KEYS[1]) end
redis.call('SET', KEYS[1], 'rest', 'PX', ARGV[2])
return 1
"""


def lease_s(interval_s: float) -> float:
    """Return how long a lease lasts: three intervals, within 2 to 30 s."""
    return max(LEASE_MIN_S, min(LEASE_MAX_S, 3 * interval_s))


class Leases:
    """Runs cycles of jobs under their leases."""

    def __init__(self, redis: Redis) -> None:
        self._claim = redis.register_script(_CLAIM)
        self._renew = redis.register_script(_RENEW)
        self._finish = redis.register_script(_FINISH)

    async def run(self, key: str, interval_s: float, cycle: Callable[[], Awaitable[None]]) -> float:
        """Run one cycle if it is this replica's turn; return the seconds to wait before the next.

        The cycle is cancelled when its lease is lost. Errors of the cycle pass through.
        """
        lease, token = lease_s(interval_s), secrets.token_hex(8)
        started = time.monotonic()
        wait_ms = int(await self._claim(keys=[key], args=[token, int(lease * 1_000)]))
        if wait_ms:
            return min(LOOK_S, wait_ms / 1_000)
        work = asyncio.ensure_future(cycle())
        try:
            if await self._kept(key, token, lease, started, work):
                await work
        finally:
            if not work.done():
                work.cancel()
                await asyncio.wait({work}, timeout=1)
            # The next run is an interval after this one's start, however long it took.
            rest_s = max(0.0, started + interval_s - time.monotonic())
            with suppress(*UNREACHABLE):  # then the lease ends by itself
                await self._finish(keys=[key], args=[token, int(rest_s * 1_000)])
        return min(LOOK_S, rest_s)

    async def _kept(
        self, key: str, token: str, lease: float, renewed: float, work: asyncio.Future[None]
    ) -> bool:
        """Renew the lease until the work is done; return early, with False, when it is lost."""
        # Work stops well before another replica may start, also when the store cannot be asked.
        safe_until = renewed + lease * 3 / 4
        while not (await asyncio.wait({work}, timeout=lease / 4))[0]:
            started = time.monotonic()
            try:
                async with asyncio.timeout(safe_until - started):
                    ours = await self._renew(keys=[key], args=[token, int(lease * 1_000)])
            except (TimeoutError, *UNREACHABLE):
                ours = time.monotonic() + lease / 4 < safe_until
            else:
                safe_until = started + lease * 3 / 4
            if not ours:
                log.warning("job_lease_lost", key=key)
                return False
        return True
