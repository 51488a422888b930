"""Stores candles of others: what the fetcher back-filled, and a replayed market's own past.

They come over the stream `history:backfill`, an entry a token and tier, and lie in a table of their
own: never added to ours. An entry is removed once it is stored, so one that was stored and not
removed is stored again, which changes nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

from redis.exceptions import RedisError
from sqlalchemy.ext.asyncio import AsyncEngine

from services.recorder.storage import stored_keys
from shared.history import write
from shared.history.engine import DATABASE_ERRORS
from shared.history.foreign import FIELD, ForeignCandles, decode
from shared.keys import Keys
from shared.redis.connect import UNREACHABLE

AT_ONCE: Final = 20  # entries
# An entry of a token that is not recorded yet waits for it, then nobody can want it.
WAIT_MS: Final = 10 * 60_000
_LOOK_S: Final = 0.5
_PAUSE_S: Final = 0.02  # between two steps: the recorder's own writes use the same connection


class ForeignReader:
    """Moves entries from the stream into the table, while this recorder leads."""

    def __init__(
        self,
        redis: Any,  # noqa: ANN401 - streams are not typed well
        keys: Keys,
        engine: AsyncEngine,
        leads: Callable[[], bool],
    ) -> None:
        self._redis, self._stream, self._engine = redis, keys.history_backfill, engine
        self._leads = leads
        self._after = "-"  # where the next step goes on

    async def run(self) -> None:
        """Store what comes, for ever; the recorder itself says what is wrong with the database."""
        while True:
            more = False
            try:
                more = self._leads() and await self.step()
            except (*DATABASE_ERRORS, RedisError, *UNREACHABLE):
                self._after = "-"
            await asyncio.sleep(_PAUSE_S if more else _LOOK_S)

    async def step(self) -> bool:
        """Store some entries; return whether there may be more. Raises what run() ignores."""
        entries = await self._redis.xrange(self._stream, min=self._after, count=AT_ONCE)
        if not entries:
            self._after = "-"
            return False
        self._after = "(" + entries[-1][0].decode()
        read = {number: _read(fields) for number, fields in entries}
        async with self._engine.begin() as connection:
            keys = await stored_keys(connection, [each.id for each in read.values() if each])
            rows = [row for each in read.values() if each for row in _rows(each, keys)]
            await write.put_backfill(connection, rows)
        over_ms = time.time() * 1000 - WAIT_MS
        done = [
            number
            for number, each in read.items()
            if each is None or each.id in keys or int(number.partition(b"-")[0]) < over_ms
        ]
        if done:
            await self._redis.xdel(self._stream, *done)
        return True


def _read(fields: dict[bytes, bytes]) -> ForeignCandles | None:
    """Return an entry, None for one that is none of ours."""
    try:
        return decode(fields.get(FIELD.encode(), b""))
    except ValueError:
        return None


def _rows(candles: ForeignCandles, keys: dict[str, int]) -> list[dict[str, Any]]:
    key = keys.get(candles.id)
    if key is None:
        return []
    return [
        {"tier": candles.tier, "token_key": key, "origin": candles.origin, **bar._asdict()}
        for bar in candles.bars
    ]
