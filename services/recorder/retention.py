"""Keeps the history within its time, bytes and rows: the oldest minutes go first, days stay.

Each step is a transaction of its own, small enough that a write waits for it no longer than for
another write.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.recorder.counts import RecorderCounts
from shared.history import schema
from shared.history.candle import SECONDS, TIERS, Tier
from shared.history.reader import Reader
from shared.history.sql import used_bytes
from shared.history.write import PARTITION_S, partition_name
from shared.process.logs import get_logger

log = get_logger(__name__)

EVERY_S: Final = 60.0
_DAY_MS: Final = 86_400_000
# What one transaction removes: minutes of half an hour, hours of half a day.
_STEP_S: Final[dict[Tier, int]] = {"1m": 1_800, "1h": 43_200}
_STEPS_AT_ONCE: Final = 200
_ROWS_AT_ONCE: Final = 500
_LOW: Final = 0.95  # of bytes and rows: below that nothing more is removed
_VACUUM_PAGES: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryLimits:
    """How long what is kept, and how much."""

    minutes_ms: float
    hours_ms: float
    max_bytes: int
    max_rows: int  # candles of all lengths


class _Used(NamedTuple):
    """How much the history takes; rows as they were counted last."""

    bytes: int
    rows: int


class Retention:
    """Removes what is too old or too much; nothing is removed by a clock that jumped ahead."""

    def __init__(self, engine: AsyncEngine, limits: HistoryLimits, counts: RecorderCounts) -> None:
        self._engine, self._limits, self._counts = engine, limits, counts
        self.dropped = False  # partitions

    async def run(self, at_ms: int) -> None:
        """Remove what is past its time at `at_ms`, or earlier by this machine's clock."""
        now_ms = min(at_ms, int(time.time() * 1000))
        await self._remove_until("1m", int(now_ms - self._limits.minutes_ms))
        await self._remove_until("1h", int(now_ms - self._limits.hours_ms))
        await self._remove_records(int(now_ms - self._limits.hours_ms))
        await self._count(now_ms)
        await self._make_room(now_ms)
        status = await Reader(self._engine).status()
        self._counts.rows = {tier: kept.rows for tier, kept in status.tiers.items()}
        self._counts.bytes = status.bytes

    async def _remove_until(self, tier: Tier, until_ms: int) -> None:
        """Remove a tier's candles before a time, in steps."""
        for _ in range(_STEPS_AT_ONCE):
            if not await self._remove_step(tier, until_ms // 1000):
                return

    async def _remove_step(self, tier: Tier, until: int) -> bool:
        """Remove the oldest candles that begin before `until` (s); False: there are none."""
        table = schema.candles[tier]
        async with self._engine.begin() as connection:
            oldest = (await connection.execute(select(func.min(table.c.t)))).scalar()
            if oldest is None or oldest >= until:
                await self._note_kept(connection, tier, until)
                return False
            upto, dropped = min(until, oldest - oldest % _STEP_S[tier] + _STEP_S[tier]), 0
            end = oldest - oldest % PARTITION_S[tier] + PARTITION_S[tier]
            if connection.dialect.name == "postgresql" and end <= until:
                upto, dropped = end, await self._drop_partition(connection, tier, end)
            gone: Any = await connection.execute(delete(table).where(table.c.t < upto))
            removed = dropped + max(0, gone.rowcount)
            self._counts.removed[tier] += removed
            await self._note_kept(connection, tier, upto, removed=removed)
            if connection.dialect.name == "sqlite":
                await connection.exec_driver_sql(f"PRAGMA incremental_vacuum({_VACUUM_PAGES})")
        return True

    async def _drop_partition(self, connection: AsyncConnection, tier: Tier, end: int) -> int:
        """Drop the partition that ends at `end`; return how many candles it had.

        Its disk is free at once, which removing rows does not do.
        """
        table, first = schema.candles[tier], end - PARTITION_S[tier]
        within = select(func.count()).where(table.c.t >= first, table.c.t < end)
        rows = int((await connection.execute(within)).scalar_one())
        await connection.execute(text(f'DROP TABLE IF EXISTS "{partition_name(tier, first)}"'))
        self.dropped = True
        return rows

    @staticmethod
    async def _note_kept(
        connection: AsyncConnection, tier: Tier, upto: int, removed: int = 0
    ) -> None:
        table = schema.tiers
        found = (
            await connection.execute(
                select(table.c.kept_from_ms, table.c.rows).where(table.c.tier == tier)
            )
        ).first()
        if found is None:
            return
        kept_from, rows = max(found[0], upto * 1000), max(0, found[1] - removed)
        if (kept_from, rows) != (found[0], found[1]):
            await connection.execute(
                update(table).where(table.c.tier == tier).values(kept_from_ms=kept_from, rows=rows)
            )

    async def _remove_records(self, until_ms: int) -> None:
        """Remove alerts, outages and last rows of removed tokens of before a time."""
        tokens, alerts, gaps, hot = schema.tokens, schema.alerts, schema.gaps, schema.hot
        minutes_ms = until_ms + int(self._limits.hours_ms - self._limits.minutes_ms)
        async with self._engine.begin() as connection:
            await connection.execute(delete(alerts).where(alerts.c.at_ms < until_ms))
            await connection.execute(delete(gaps).where(gaps.c.to_ms < until_ms))
            await connection.execute(delete(hot).where(hot.c.to_ms < minutes_ms))
            old = (tokens.c.gone_ms < until_ms, tokens.c.row.is_not(None))
            await connection.execute(update(tokens).where(*old).values(row=None))
            await self._remove_backfill(connection, {"1m": minutes_ms, "1h": until_ms})

    @staticmethod
    async def _remove_backfill(connection: AsyncConnection, until_ms: Mapping[Tier, int]) -> None:
        table = schema.backfill
        for tier, until in until_ms.items():
            old = (table.c.tier == tier, table.c.t < until // 1000)
            await connection.execute(delete(table).where(*old))

    async def _make_room(self, now_ms: int) -> None:
        """Remove the oldest of what can be spared until the history is within its ceilings."""
        before = await self._used()
        if not self._is_over(before):
            return
        for tier in ("1m", "1h"):
            newest = now_ms // 1000 // SECONDS[tier] * SECONDS[tier]
            while self._is_over(await self._used(), _LOW) and await self._remove_step(tier, newest):
                pass
        while (await self._used()).bytes > self._limits.max_bytes * _LOW:
            if not await self._drop_dead_rows():
                break
        left = await self._used()
        log.info(
            "history_made_room", bytes=before.bytes, rows=before.rows,
            left_bytes=left.bytes, left_rows=left.rows,
        )  # fmt: skip

    def _is_over(self, used: _Used, share: float = 1.0) -> bool:
        limits = self._limits
        return used.bytes > limits.max_bytes * share or used.rows > limits.max_rows * share

    async def _drop_dead_rows(self) -> bool:
        """Drop the last rows of the tokens that were removed first; False: there are none."""
        tokens = schema.tokens
        async with self._engine.begin() as connection:
            oldest = (
                select(tokens.c.key)
                .where(tokens.c.gone_ms.is_not(None), tokens.c.row.is_not(None))
                .order_by(tokens.c.gone_ms)
                .limit(_ROWS_AT_ONCE)
            )
            keys = list((await connection.execute(oldest)).scalars().all())
            if keys:
                await connection.execute(
                    update(tokens).where(tokens.c.key.in_(keys)).values(row=None)
                )
        return bool(keys)

    async def _used(self) -> _Used:
        rows = select(func.coalesce(func.sum(schema.tiers.c.rows), 0))
        async with self._engine.connect() as connection:
            return _Used(
                await used_bytes(connection), int((await connection.execute(rows)).scalar_one())
            )

    async def _count(self, now_ms: int) -> None:
        """Count the candles that became final since the last time."""
        table = schema.tiers
        for tier in TIERS:
            candles, step = schema.candles[tier], SECONDS[tier]
            upto = now_ms // 1000 // step * step
            async with self._engine.begin() as connection:
                row = (
                    await connection.execute(
                        select(table.c.counted_to, table.c.rows).where(table.c.tier == tier)
                    )
                ).first()
                if row is None:
                    continue
                counted_to, rows = row
                if counted_to < upto:
                    new = (
                        select(func.count())
                        .select_from(candles)
                        .where(candles.c.t >= counted_to, candles.c.t < upto)
                    )
                    rows += int((await connection.execute(new)).scalar_one())
                    await connection.execute(
                        update(table).where(table.c.tier == tier).values(counted_to=upto, rows=rows)
                    )
