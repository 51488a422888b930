"""Why the fetchers bring nothing, if so, from what they leave in the store."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from shared.edge.http.problem import Problem
from shared.edge.http.storage import storage
from shared.keys import Keys
from shared.process.flights import Flights
from shared.redis.connect import Redis
from shared.sources import POLLED

NO_SOURCE: Final = "no_source"
NO_SOURCE_DETAIL: Final = "no source answers; is this machine online?"
DELIVERY: Final = "delivery"
Reason: TypeAlias = tuple[str, str]  # for programs, for people
_READ_S: Final = 0.5
_FRESH_S: Final = 1.0  # fetchers write that often


def why_nothing_comes(sources: Mapping[str, Mapping[str, Any]]) -> Reason | None:
    """Return why fetchers bring nothing: every source that is on fails, or posts do.

    `sources` are the hashes of the fetchers by name; an empty one: not tried yet.
    """
    on = [status for status in sources.values() if status.get("state") != "off"]
    if on and all(_fails(status) for status in on):
        return NO_SOURCE, NO_SOURCE_DETAIL
    for name, status in sources.items():
        if status.get("delivery_error"):
            return DELIVERY, f"readings cannot be posted: {name}: {status['delivery_error']}"
    return None


def _fails(status: Mapping[str, Any]) -> bool:
    never_answered = "last_ok_ms" not in status and "last_error_ms" in status
    return status.get("state") == "down" or never_answered


class Sources:
    """Says why a list is not there yet."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis: Any = redis  # its reply types name every way of decoding
        self._keys = keys
        self._reason: Reason | None = None
        self._read_at = -_FRESH_S
        self._flights: Flights[None, Reason | None] = Flights()

    async def explain(self, problem: Problem) -> Problem:
        """Return the problem with its reason, where it is a list that nothing comes for."""
        reason = await self._why() if problem.code == "warming" else None
        if reason is None:
            return problem
        return Problem(
            problem.status,
            problem.code,
            reason[1],
            headers=problem.headers,
            more={**problem.more, "reason": reason[0]},
        )

    async def _why(self) -> Reason | None:
        if time.monotonic() - self._read_at < _FRESH_S:
            return self._reason
        return await self._flights.share(None, self._read)

    async def _read(self) -> Reason | None:
        names = POLLED
        try:
            async with storage(_READ_S):
                pipe = self._redis.pipeline(transaction=False)
                for name in names:
                    pipe.hgetall(self._keys.fetch_status(name))
                found = await pipe.execute()
        except Problem:
            return None  # then the store is the reason, and says so
        statuses = [{k.decode(): v.decode() for k, v in each.items()} for each in found]
        self._reason = why_nothing_comes(dict(zip(names, statuses, strict=True)))
        self._read_at = time.monotonic()
        return self._reason
