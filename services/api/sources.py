"""Whether any source answers the fetchers, from what they leave in the store."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

from services.api.discover.cache import Flights
from services.api.edge.problem import Problem
from services.api.storage import storage
from shared.keys import Keys
from shared.redis.connect import Redis
from shared.sources import POLLED

NO_SOURCE: Final = "no_source"
NO_SOURCE_DETAIL: Final = "no source answers; is this machine online?"
_READ_S: Final = 0.5
_FRESH_S: Final = 1.0  # fetchers write that often


def none_answers(sources: Mapping[str, Mapping[str, Any]]) -> bool:
    """Return whether every source that is on has been tried and fails.

    `sources` are the hashes of the fetchers by name; an empty one: not tried yet.
    """
    on = [status for status in sources.values() if status.get("state") != "off"]
    return bool(on) and all(_fails(status) for status in on)


def _fails(status: Mapping[str, Any]) -> bool:
    never_answered = "last_ok_ms" not in status and "last_error_ms" in status
    return status.get("state") == "down" or never_answered


class Sources:
    """Says why a list is not there yet."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis: Any = redis  # its reply types name every way of decoding
        self._keys = keys
        self._none_answers = False
        self._read_at = -_FRESH_S
        self._flights: Flights[None, bool] = Flights()

    async def explain(self, problem: Problem) -> Problem:
        """Return the problem with its reason, where it is a list that no source can fill."""
        if problem.code != "warming" or not await self._no_source():
            return problem
        return Problem(
            problem.status,
            problem.code,
            NO_SOURCE_DETAIL,
            headers=problem.headers,
            more={**problem.more, "reason": NO_SOURCE},
        )

    async def _no_source(self) -> bool:
        if time.monotonic() - self._read_at < _FRESH_S:
            return self._none_answers
        return await self._flights.share(None, self._read)

    async def _read(self) -> bool:
        names = POLLED
        try:
            async with storage(_READ_S):
                pipe = self._redis.pipeline(transaction=False)
                for name in names:
                    pipe.hgetall(self._keys.fetch_status(name))
                found = await pipe.execute()
        except Problem:
            return False  # then the store is the reason, and says so
        statuses = [{k.decode(): v.decode() for k, v in each.items()} for each in found]
        self._none_answers = none_answers(dict(zip(names, statuses, strict=True)))
        self._read_at = time.monotonic()
        return self._none_answers
