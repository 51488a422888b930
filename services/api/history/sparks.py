"""Keeps the sparklines of the list: all hours at the start, then the last one each minute.

All are read again when some were back-filled.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Final

from services.api.history.database import History
from services.api.history.spark_column import CLOSES, HOUR_S, SparkColumn
from services.api.live import Live
from shared.edge.http.problem import Problem
from shared.process.logs import get_logger

log = get_logger(__name__)

_EACH_S: Final = 60.0
_LOOK_S: Final = 5.0  # whether hours were back-filled since
_EARLY_LOOKS: Final = 20  # closer together: a demo's past comes then
_EARLY_S: Final = 1.0
_AGAIN_S: Final = 2.0  # while the database does not answer
_HOUR_READ_S: Final = 10.0  # one hour of all tokens
_PART: Final = 500  # closes that are taken over in one go, some 0.5 ms
_OLD_S: Final = 2 * HOUR_S  # a column that was not read for so long shows nothing


class Sparks:
    """The column, and what keeps it up to date. Without a history rows have no `spark`."""

    def __init__(self, history: History, live: Live) -> None:
        self._history = history
        self._live = live
        self._column = SparkColumn()
        self._read_hours: set[int] = set()
        self._read_s = float("-inf")  # when the last hour was read
        self.revision = 0  # another one: rows may have other sparklines
        self._backfilled = 0  # hours that were, when all were read

    def with_sparks(self, rows: Sequence[bytes], ids: Sequence[str]) -> list[bytes]:
        """Return rows (JSON) with `spark`, as they are where no column is to be had."""
        if time.monotonic() - self._read_s > _OLD_S:
            return list(rows)
        return self._column.with_sparks(rows, ids)

    async def run(self) -> None:
        """Keep it up to date."""
        looks = 0
        while True:
            await self._live.feed.loaded.wait()
            try:
                await self.look(int(time.time()))
            except Problem:  # it is logged, and said in /health
                await asyncio.sleep(_AGAIN_S)
            else:
                looks += 1
                await asyncio.sleep(_EARLY_S if looks <= _EARLY_LOOKS else _LOOK_S)

    async def look(self, now_s: int) -> None:
        """Refresh the column once a minute, and when hours were back-filled. Raises Problem 503."""
        if await self._is_backfilled(now_s) or time.monotonic() - self._read_s >= _EACH_S:
            await self.refresh(now_s)

    async def _is_backfilled(self, now_s: int) -> bool:
        """Return whether hours were back-filled since; all are read again then."""
        since = now_s // HOUR_S * HOUR_S - CLOSES * HOUR_S
        async with self._history.reading(_HOUR_READ_S) as readers:
            backfilled = await readers.reader.backfilled_hours(since)
        before, self._backfilled = self._backfilled, backfilled
        if backfilled <= before:  # less: older ones have left the day
            return False
        self._read_hours.clear()
        return True

    async def refresh(self, now_s: int) -> None:
        """Read the hours that are not there yet, and the last one again. Raises Problem 503."""
        self._column.roll(now_s)
        hours = self._column.hours_s()
        self._read_hours &= set(hours[:-1])
        for hour in reversed([hour for hour in hours if hour not in self._read_hours]):
            async with self._history.reading(_HOUR_READ_S) as readers:
                closes = await readers.reader.hour_closes(hour)
            rows = self._live.replica.rows
            listed = [(token, close) for token, close in closes.items() if token in rows]
            for start in range(0, len(listed), _PART):
                self._column.put(hour, listed[start : start + _PART])
                await asyncio.sleep(0)
            self._read_hours.add(hour)
        self._read_s = time.monotonic()
        self._column.keep(self._live.replica.rows)
        self.revision += 1
