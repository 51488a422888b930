"""Single figures of some tokens: prices at a time, creations. For answers about few of many."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.history import schema
from shared.history.candle import SECONDS, Tier
from shared.history.sql import among, is_among

# Where a price at a time is looked for: so many candles back, the exact ones first.
_STEPS: Final[tuple[tuple[Tier, int], ...]] = (("1m", 10), ("1h", 3))
_ROWS: Final = 500  # that are decoded in one go, some 0.5 ms


class _Created(Struct, frozen=True):
    created_ms: int | None = None


_created: Final = msgspec.json.Decoder(_Created).decode


class Lookups:
    """Reads them."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def prices_at(self, keys: Sequence[int], at_ms: int, oldest_ms: int) -> dict[int, float]:
        """Return the last price of tokens sampled from `oldest_ms` up to a time, by key."""
        found: dict[int, tuple[int, float]] = {}
        async with self._engine.connect() as connection:
            for tier, count in _STEPS:
                table, step = schema.candles[tier], SECONDS[tier]
                last = at_ms // 1000 // step * step
                query = (
                    select(table.c.token_key, table.c.last_ms, table.c.c)
                    .where(is_among(connection, table.c.t, "starts"))
                    .where(is_among(connection, table.c.token_key, "keys"))
                    .where(table.c.last_ms <= at_ms, table.c.last_ms >= oldest_ms)
                )
                bound = {
                    "starts": among(connection, range(last, last - count * step, -step)),
                    "keys": among(connection, keys),
                }
                for key, last_ms, price in (await connection.execute(query, bound)).all():
                    if key not in found or found[key][0] < last_ms:
                        found[key] = (last_ms, price)
        return {key: price for key, (_, price) in found.items()}

    async def created_of(self, keys: Iterable[int]) -> dict[int, int]:
        """Return when tokens were created, in Unix ms, of those of which it is known."""
        tokens, found = schema.tokens, {}
        async with self._engine.connect() as connection:
            query = select(tokens.c.key, tokens.c.row).where(
                is_among(connection, tokens.c.key, "keys"), tokens.c.row.is_not(None)
            )
            rows = (await connection.execute(query, {"keys": among(connection, keys)})).all()
        for number, (key, row) in enumerate(rows):
            created_ms = _created(row).created_ms
            if created_ms is not None:
                found[key] = created_ms
            if number % _ROWS == _ROWS - 1:
                await asyncio.sleep(0)
        return found
