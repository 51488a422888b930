"""Windows by the time of a recording: the same messages make the same commits, at any speed.

Live, a window ends when 200 ms of ours have passed, and what is in it depends on how fast
everything was. Here the messages say what time it is, and a window ends where that passes a
multiple of its length. Between two messages no time passes.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from services.aggregator.clock import StoreClock
from services.aggregator.intake import Intake, decode_batch
from services.aggregator.repeat import wait
from shared.merge.readings import ReadingError
from shared.model import is_posted

# The player says the time more often. A message far ahead must not make us cut windows for hours.
GAP_MS: Final = 60_000
_LOOK_S: Final = 0.1


class MarketClock(StoreClock):
    """The time of a recording; it moves only when it is moved."""

    def __init__(self, from_ms: int) -> None:
        super().__init__()
        self._at_ms = from_ms

    def set(self, store_ms: int) -> None:
        """Do nothing: the store's time is of today."""

    def move_to(self, at_ms: int) -> None:
        """Move on, never back."""
        self._at_ms = max(self._at_ms, at_ms)

    def now_ms(self) -> int:
        """Return the recording's present time."""
        return self._at_ms


class Playback:
    """Takes messages in their order, and cuts windows between them.

    What waits here is bounded by what publishers may be ahead of us (`intake.at`).
    """

    def __init__(self, clock: MarketClock, intake: Intake, window_ms: int) -> None:
        self.clock = clock
        self._intake, self._window_ms = intake, window_ms
        self._messages: deque[bytes] = deque()
        self._arrived = asyncio.Event()

    def put(self, data: bytes) -> None:
        """Queue a message of `raw_tokens`."""
        self._messages.append(data)
        self._arrived.set()

    async def run(self, cut: Callable[[], Awaitable[None]], stop: asyncio.Event) -> None:
        """Take messages until `stop`; `cut` writes a window."""
        while not stop.is_set():
            if self._messages:
                await self._take(self._messages.popleft(), cut)
            else:
                self._arrived.clear()
                await wait(self._arrived, _LOOK_S)

    async def _take(self, data: bytes, cut: Callable[[], Awaitable[None]]) -> None:
        to_ms = _time_of(data)
        if to_ms is not None:
            if to_ms - self.clock.now_ms() > GAP_MS:
                await self._cut_at(self._next_ms(), cut)
                self.clock.move_to(to_ms - to_ms % self._window_ms - 1)
            while (end_ms := self._next_ms()) <= to_ms:
                await self._cut_at(end_ms, cut)
            self.clock.move_to(to_ms)
        self._intake.take(data, self.clock.now_ms())

    async def _cut_at(self, end_ms: int, cut: Callable[[], Awaitable[None]]) -> None:
        self.clock.move_to(end_ms)
        await cut()

    def _next_ms(self) -> int:
        """Return the end of the present window."""
        return self.clock.now_ms() // self._window_ms * self._window_ms + self._window_ms


def _time_of(data: bytes) -> int | None:
    """Return what time a message says it is; None for one that a producer posted."""
    try:
        batch = decode_batch(data)
    except ReadingError:
        return None
    return None if is_posted(batch.source) else batch.sent_ms
