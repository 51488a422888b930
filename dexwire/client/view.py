"""`client.view(…)`: a sorted list that keeps itself up to date."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Self

from dexwire.client.connection import OPEN_S, StreamConnection, Subscription
from dexwire.client.errors import Malformed
from dexwire.client.events import Diff, Event, Snapshot, State
from dexwire.client.ranking import Ranking
from dexwire.client.stream import StreamTask
from dexwire.client.table import Table
from dexwire.stream.rows import Row


class _Holder:
    """A `Sink` that applies what comes at once: a view needs no buffer, it is the state."""

    def __init__(self) -> None:
        self.table = Table()
        self.whole = False  # a snapshot came
        self.stamp = 0  # grows with every change

    def put(self, event: Event) -> str | None:
        """Take one event; return the topic when what it says cannot be true of what is held."""
        if not isinstance(event, Snapshot | Diff):
            return None
        try:
            if isinstance(event, Snapshot):
                self.table.replace(event)
                self.whole = True
            else:
                self.table.apply(event)
        except Malformed:
            return event.topic
        self.stamp += 1
        return None


class View:
    """A live list. It connects at the first call, and reconnects for ever."""

    def __init__(self, url: str, ranking: Ranking, *, open_s: float = OPEN_S) -> None:
        self.ranking = ranking
        self._holder = _Holder()
        self._ranked: tuple[int, list[Row]] = (-1, [])
        news = asyncio.Event()
        subscription = Subscription(topics=(ranking.topic,))
        connection = StreamConnection(url, subscription, self._holder, news.set, open_s=open_s)
        self._runner = StreamTask(connection, news, self)

    @property
    def rows(self) -> list[Row]:
        """The list as it is now; empty until the first snapshot (`ready`)."""
        stamp, ranked = self._ranked
        if stamp != self._holder.stamp:
            ranked = self.ranking.rank(self._holder.table.rows.values(), time.time() * 1000)
            self._ranked = (self._holder.stamp, ranked)
        return ranked.copy()

    @property
    def state(self) -> State:
        """How the stream is doing; while it is not `live`, the list is of `version` still."""
        return self._runner.connection.state

    @property
    def version(self) -> tuple[str, int]:
        """The exact state (epoch, version) that the rows are of."""
        return self._holder.table.epoch, self._holder.table.version

    async def ready(self) -> None:
        """Wait for the first snapshot. Raises Refused; waits for ever while nobody answers."""
        async for _ in self.changes(throttle=0):
            return

    async def changes(self, throttle: float = 0.25) -> AsyncIterator[list[Row]]:
        """Yield the list now and whenever it differs, at most once in `throttle` seconds.

        Any number of loops may run over one view. Raises Refused.
        """
        self._runner.start()
        seen, shown = -1, None
        while True:
            while not self._holder.whole or self._holder.stamp == seen:
                if not await self._runner.wait():
                    return
            seen = self._holder.stamp
            rows = self.rows
            if rows != shown:
                shown = rows
                yield rows.copy()
                await asyncio.sleep(throttle)

    async def close(self) -> None:
        """End the connection; closing twice is no error."""
        await self._runner.close()

    async def __aenter__(self) -> Self:
        self._runner.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
