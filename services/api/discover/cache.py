"""Finished answers by state, and reads that several requests share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Final, Generic, TypeVar

from services.api.live import Stamp

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

# Of one version: the first pages that people look at. A page is at most some 90 KB.
ENTRIES_MAX: Final = 256


class VersionCache(Generic[K, V]):
    """Answers of the newest version only: a commit makes all earlier ones worthless."""

    def __init__(self, entries_max: int = ENTRIES_MAX) -> None:
        self._max = entries_max
        self._stamp: Stamp | None = None
        self._entries: dict[K, V] = {}

    def get(self, stamp: Stamp | None, key: K) -> V | None:
        """Return what was put for this state; `None` as a stamp finds nothing."""
        if stamp is None:
            return None
        if stamp != self._stamp:
            self._stamp, self._entries = stamp, {}
        return self._entries.get(key)

    def put(self, key: K, value: V, *, requested_at: Stamp | None, read_at: Stamp) -> None:
        """Keep an answer of state `read_at` that was requested at state `requested_at`.

        A newer one serves that state too: the copy is a moment behind the store.
        """
        if self._stamp is None or self._stamp not in (requested_at, read_at):
            return
        if len(self._entries) >= self._max:
            del self._entries[next(iter(self._entries))]
        self._entries[key] = value


class Flights(Generic[K, V]):
    """Concurrent requests for one thing share one read; nobody's cancellation ends another's."""

    def __init__(self) -> None:
        self._flights: dict[K, asyncio.Task[V]] = {}

    async def share(self, key: K, read: Callable[[], Awaitable[V]]) -> V:
        """Return what the read under way for this key gives, or start it."""
        flight = self._flights.get(key)
        if flight is None:
            flight = asyncio.get_running_loop().create_task(_run(read))
            self._flights[key] = flight
            flight.add_done_callback(lambda done: self._land(key, done))
        return await asyncio.shield(flight)

    def _land(self, key: K, done: asyncio.Task[V]) -> None:
        del self._flights[key]
        if not done.cancelled():
            done.exception()  # seen, even when every waiting request is gone


async def _run(read: Callable[[], Awaitable[V]]) -> V:
    return await read()
