"""Work that several requests share while it is under way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Flights(Generic[K, V]):
    """Concurrent requests for one thing share one read; nobody's cancellation ends another's."""

    def __init__(self) -> None:
        self._flights: dict[K, asyncio.Task[V]] = {}

    def __len__(self) -> int:
        return len(self._flights)

    def __contains__(self, key: K) -> bool:
        return key in self._flights

    async def share(self, key: K, read: Callable[[], Awaitable[V]]) -> V:
        """Return what the read under way for this key gives, or start it."""
        return await asyncio.shield(self.start(key, read))

    def start(self, key: K, read: Callable[[], Awaitable[V]]) -> asyncio.Task[V]:
        """Return the read under way for this key, or start it; nobody needs to wait for it."""
        flight = self._flights.get(key)
        if flight is None:
            flight = asyncio.get_running_loop().create_task(_run(read))
            self._flights[key] = flight
            flight.add_done_callback(lambda done: self._land(key, done))
        return flight

    async def end(self) -> None:
        """Cancel what is under way, and wait until it has ended."""
        flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)

    def _land(self, key: K, done: asyncio.Task[V]) -> None:
        del self._flights[key]
        if not done.cancelled():
            done.exception()  # seen, even when every waiting request is gone


async def _run(read: Callable[[], Awaitable[V]]) -> V:
    return await read()
