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
from shared.redis.script import Script

log = get_logger(__name__)

LEASE_MIN_S: Final = 2.0
LEASE_MAX_S: Final = 30.0
# Who waits looks again this often, should the key end early.
LOOK_S: Final = 1.0
_CLAIM, _RENEW, _FINISH = (
    Script(name, package="services.fetcher.scripts") for name in ("claim", "renew", "finish")
)


def lease_s(interval_s: float) -> float:
    """Return how long a lease lasts: three intervals, within 2 to 30 s."""
    return max(LEASE_MIN_S, min(LEASE_MAX_S, 3 * interval_s))


class Leases:
    """Runs cycles of jobs under their leases."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def run(self, key: str, interval_s: float, cycle: Callable[[], Awaitable[None]]) -> float:
        """Run one cycle if it is this replica's turn; return the seconds to wait before the next.

        The cycle is cancelled when its lease is lost. Errors of the cycle pass through.
        """
        lease, token = lease_s(interval_s), secrets.token_hex(8)
        started = time.monotonic()
        wait_ms = int(await _CLAIM(self._redis, [key], [token, int(lease * 1_000)]))
        if wait_ms:
            return min(LOOK_S, wait_ms / 1_000)
        work = asyncio.ensure_future(cycle())
        work.add_done_callback(_retrieve_error)
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
                await _FINISH(self._redis, [key], [token, int(rest_s * 1_000)])
        return min(LOOK_S, rest_s)

    async def _kept(
        self, key: str, token: str, lease: float, renewed: float, work: asyncio.Future[None]
    ) -> bool:
        """Renew the lease until the work is done; return early, with False, when it is lost."""
        # Work stops well before another replica may start, also when the store cannot be reached.
        safe_until = renewed + lease * 3 / 4
        while not (await asyncio.wait({work}, timeout=lease / 4))[0]:
            started = time.monotonic()
            try:
                async with asyncio.timeout(safe_until - started):
                    ours = await _RENEW(self._redis, [key], [token, int(lease * 1_000)])
            except (TimeoutError, *UNREACHABLE):
                ours = time.monotonic() + lease / 4 < safe_until
            else:
                safe_until = started + lease * 3 / 4
            if not ours:
                log.warning("job_lease_lost", key=key)
                return False
        return True


def _retrieve_error(work: asyncio.Future[None]) -> None:
    """Mark an error as retrieved: nobody awaits a cycle whose lease was lost."""
    if not work.cancelled():
        work.exception()
