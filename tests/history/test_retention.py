"""What is removed for its age, and for want of room."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from services.recorder.counts import RecorderCounts
from services.recorder.retention import HistoryLimits, Retention
from shared.history import schema, write
from shared.history.candle import Tier
from shared.history.reader import Reader
from tests.testkit.history import MS0, T0, candle, record, token_row

DAY_S = 86_400
STARTS = range(T0, T0 + 3 * DAY_S, 3_600)  # three days, a candle an hour
END_MS = MS0 + 3 * DAY_S * 1000


@pytest.fixture
async def kept(engine: AsyncEngine) -> AsyncEngine:
    parts = {(1, t): candle(t) for t in STARTS}
    await record(engine, {"1m": parts, "1h": parts, "1d": {(1, T0): candle(T0)}},
                 tokens=[token_row(1, "A")], at_ms=END_MS)  # fmt: skip
    async with engine.begin() as connection:
        await write.begin_tiers(connection, MS0)
    return engine


async def keep(
    engine: AsyncEngine, days: float, *, max_bytes: int = 1 << 40, max_rows: int = 1 << 40
) -> None:
    limits = HistoryLimits(
        minutes_ms=days * DAY_S * 1000, hours_ms=1e12, max_bytes=max_bytes, max_rows=max_rows
    )
    await Retention(engine, limits, RecorderCounts()).run(END_MS)


async def oldest(engine: AsyncEngine, tier: Tier) -> int | None:
    async with engine.connect() as connection:
        found = await connection.execute(select(func.min(schema.candles[tier].c.t)))
        first: int | None = found.scalar()
    return first


async def test_minutes_past_their_time_are_removed_and_hours_stay(kept: AsyncEngine) -> None:
    await keep(kept, 1)
    assert await oldest(kept, "1m") == T0 + 2 * DAY_S
    assert await oldest(kept, "1h") == T0
    status = await Reader(kept).status()
    assert status.tiers["1m"].kept_from_ms == MS0 + 2 * DAY_S * 1000
    assert {tier: kept.rows for tier, kept in status.tiers.items()} == {"1m": 24, "1h": 72, "1d": 1}


async def test_rows_are_all_candles_that_are_kept_from_the_first_on(
    engine: AsyncEngine,
) -> None:
    began = T0 + 3_000  # within an hour and a day: their candles begin before
    parts = {(1, t): candle(t) for t in (T0, T0 + 3_600)}
    await record(engine, {"1m": {}, "1h": parts, "1d": {(1, T0): candle(T0)}},
                 tokens=[token_row(1, "A")], at_ms=(T0 + 3_700) * 1000)  # fmt: skip
    async with engine.begin() as connection:
        await write.begin_tiers(connection, began * 1000)

    async def rows() -> dict[Tier, int]:
        tiers = (await Reader(engine).status()).tiers
        return {tier: kept.rows for tier, kept in tiers.items()}

    assert await rows() == {"1m": 0, "1h": 2, "1d": 1}
    await keep(engine, 7)
    assert await rows() == {"1m": 0, "1h": 2, "1d": 1}


async def test_of_more_rows_than_may_be_the_oldest_minutes_go_then_the_oldest_hours(
    kept: AsyncEngine,
) -> None:
    async def rows() -> tuple[int, ...]:
        tiers = (await Reader(kept).status()).tiers
        return tiers["1m"].rows, tiers["1h"].rows, tiers["1d"].rows

    await keep(kept, 7, max_rows=145)
    assert await rows() == (72, 72, 1)
    await keep(kept, 7, max_rows=144)  # some room is made, not for one row
    minutes, *rest = await rows()
    assert (rest, 0 < minutes <= 64) == ([72, 1], True)
    assert (await oldest(kept, "1m") or 0) > T0
    await keep(kept, 7, max_rows=40)
    minutes, hours, days = await rows()
    assert (minutes, days, 0 < hours <= 37) == (0, 1, True)


async def test_for_want_of_room_minutes_go_then_hours_and_days_stay(kept: AsyncEngine) -> None:
    await keep(kept, 7, max_bytes=1)
    assert await oldest(kept, "1m") is None
    assert await oldest(kept, "1h") is None
    assert await oldest(kept, "1d") == T0
