"""Candles of others: stored apart, shown where we have none, never mixed with ours."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncEngine

from services.recorder.foreign import ForeignReader
from shared.history.foreign import ForeignBar, ForeignCandles
from shared.history.handover import hand_over
from shared.history.reader import Reader
from shared.keys import Keys
from shared.redis.connect import Redis
from tests.testkit.history import MS0, T0, candle, record, token_row

HOUR = 3_600
BONK = "solana:Bonk"


def hours(*starts: int, token: str = BONK, price: float = 5.0) -> ForeignCandles:
    bars = [ForeignBar(T0 + at * HOUR, price, price + 1, price - 1, price, 70.0) for at in starts]
    return ForeignCandles(id=token, tier="1h", origin="geckoterminal:pool1", bars=bars)


async def test_foreign_candles_are_shown_where_there_is_none_of_ours(
    engine: AsyncEngine, redis: Redis, keys: Keys
) -> None:
    own = {(1, T0 + 2 * HOUR): candle(T0 + 2 * HOUR, 9.0)}
    await record(engine, {"1h": own}, tokens=[token_row(1, "Bonk")])
    await hand_over(redis, keys, hours(0, 1, 2))

    foreign = ForeignReader(redis, keys, engine, lambda: True)
    assert await foreign.step()

    reader = Reader(engine)
    page = await reader.candles(BONK, "1h", from_ms=MS0, to_ms=MS0 + 3 * HOUR * 1000)
    assert page is not None
    assert [(c.o, c.h, c.l, c.c, c.n, c.origin) for c in page.candles] == [
        (5.0, 6.0, 4.0, 5.0, 0, "geckoterminal:pool1"),
        (5.0, 6.0, 4.0, 5.0, 0, "geckoterminal:pool1"),
        (9.0, 9.0, 9.0, 9.0, 1, None),
    ]
    assert page.candles[0].volume == 70.0
    assert [await reader.hour_closes(T0 + at * HOUR) for at in (1, 2)] == [
        {BONK: 5.0}, {BONK: 9.0},
    ]  # fmt: skip
    assert await redis.xlen(keys.history_backfill) == 0


async def test_an_entry_that_comes_twice_changes_nothing(
    engine: AsyncEngine, redis: Redis, keys: Keys
) -> None:
    await record(engine, tokens=[token_row(1, "Bonk")])
    foreign = ForeignReader(redis, keys, engine, lambda: True)
    for price in (5.0, 7.0):
        await hand_over(redis, keys, hours(1, price=price))
        await foreign.step()

    assert await Reader(engine).hour_closes(T0 + HOUR) == {BONK: 5.0}


async def test_an_entry_waits_for_its_token_and_holds_up_nobody(
    engine: AsyncEngine, redis: Redis, keys: Keys
) -> None:
    foreign = ForeignReader(redis, keys, engine, lambda: True)
    await record(engine, tokens=[token_row(1, "Bonk")])
    for _ in range(25):  # more than a step reads
        await hand_over(redis, keys, hours(1, token="solana:Wif"))
    await hand_over(redis, keys, hours(1))

    assert [await foreign.step(), await foreign.step(), await foreign.step()] == [True, True, False]
    assert await Reader(engine).hour_closes(T0 + HOUR) == {BONK: 5.0}
    assert await redis.xlen(keys.history_backfill) == 25

    await record(engine, tokens=[token_row(2, "Wif")])
    await foreign.step()
    await foreign.step()
    assert await Reader(engine).hour_closes(T0 + HOUR) == {BONK: 5.0, "solana:Wif": 5.0}
    assert await redis.xlen(keys.history_backfill) == 0


async def test_junk_and_what_waited_too_long_is_removed(
    engine: AsyncEngine, redis: Redis, keys: Keys
) -> None:
    await redis.xadd(keys.history_backfill, {"m": b"{"}, id="1000-0")
    await redis.xadd(keys.history_backfill, {"other": b"x"}, id="1000-1")
    await redis.xadd(keys.history_backfill, {"m": b'{"id":"solana:x","tier":"1h",'
                     b'"origin":"replay","bars":[]}'}, id="1000-2")  # fmt: skip

    await ForeignReader(redis, keys, engine, lambda: True).step()

    assert await redis.xlen(keys.history_backfill) == 0
