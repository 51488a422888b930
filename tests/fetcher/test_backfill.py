"""Back-fill: which candles are requested, when, and what the recorder gets."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from services.fetcher.backfill import Backfill
from services.fetcher.budget import Budget
from services.fetcher.due import DueTokens
from services.fetcher.http import Upstreams
from services.fetcher.jobs import Leases
from services.fetcher.ohlcv import read_candles
from services.fetcher.settings import FetcherSettings
from services.fetcher.source import Call, ParsedBody, PoolCandles, Source
from services.fetcher.sources.geckoterminal import candles_call
from shared.errors import ConfigError, MalformedBody
from shared.history.candle import Tier
from shared.history.foreign import MOST_WAITING, ForeignBar, ForeignCandles, decode, encode
from shared.keys import Keys
from shared.process.settings import read_settings
from shared.redis.connect import Redis
from tests.testkit.recordings import recorded
from tests.testkit.upstream import Upstream

BONK, WIF, POPCAT = (f"solana:{name}" for name in ("Bonk", "Wif", "Popcat"))
HOUR = 3_600
NOW = int(time.time()) // HOUR * HOUR


def body(*rows: object) -> bytes:
    return json.dumps({"data": {"attributes": {"ohlcv_list": rows}}}).encode()


def call_of(_chain: str, pool: str, _token: str, tier: Tier) -> Call:
    return Call(f"/{pool}/{tier}", lambda _body, _at: ParsedBody())


class Filled:
    """The back-fill of a source at a real upstream, and what it has added."""

    def __init__(self, redis: Redis, keys: Keys, source: Source, upstreams: Upstreams) -> None:
        self.redis, self.keys = redis, keys
        self.backfill = Backfill(
            redis=redis, keys=keys, source=source, candles=PoolCandles(1, call_of, read_candles),
            upstreams=upstreams, leases=Leases(redis), due=DueTokens(redis, keys, known_max=10),
            top=1,
        )  # fmt: skip

    async def token(self, token: str, pool: str, volume: float) -> None:
        await self.redis.hset(self.keys.token(token), mapping={"pool_address": f'"{pool}"'})
        await self.redis.zadd(self.keys.index("volume_24h"), {token: volume})

    async def turns(self, count: int) -> list[ForeignCandles]:
        for _ in range(count):
            await self.backfill.turn()
        entries = await self.redis.xrange(self.keys.history_backfill)
        return [decode(fields[b"m"]) for _, fields in entries or []]  # type: ignore[index, arg-type]


@pytest.fixture
async def filled(
    redis: Redis, keys: Keys, source: Source, upstreams: Callable[..., Upstreams]
) -> Filled:
    one = Filled(redis, keys, source, upstreams())
    await one.token(BONK, "pool1", 900)
    await one.token(WIF, "pool2", 800)
    return one


async def test_hours_days_and_minutes_of_the_top_token_are_requested_once(
    server: Upstream, filled: Filled
) -> None:
    row = [NOW - 86_400 - NOW % 86_400, 1.0, 4.0, 0.5, 2.0, 10.5]
    for tier in ("1h", "1d", "1m"):
        server.answer(f"/pool1/{tier}", body(row))

    found = await filled.turns(5)

    assert [(each.id, each.tier, each.origin) for each in found] == [
        (BONK, "1h", "test:pool1"), (BONK, "1d", "test:pool1"), (BONK, "1m", "test:pool1"),
    ]  # fmt: skip
    assert found[0].bars == [ForeignBar(row[0], 1.0, 4.0, 0.5, 2.0, 10.5)]  # type: ignore[arg-type]
    assert sum(server.calls.values()) == 3


async def test_watched_tokens_come_first_and_one_without_a_pool_costs_nothing(
    server: Upstream, filled: Filled
) -> None:
    server.answer("/pool2/1h", body([NOW - HOUR, 1, 1, 1, 1, 1]))
    now_ms = time.time() * 1000
    await filled.redis.zadd(filled.keys.watched, {WIF: now_ms, POPCAT: now_ms + 1})

    found = await filled.turns(2)

    assert [each.id for each in found] == [WIF]
    assert sum(server.calls.values()) == 1


async def test_an_interval_that_is_not_over_is_left_out(server: Upstream, filled: Filled) -> None:
    rows = [[start, 1, 1, 1, 1, 1] for start in (NOW + HOUR, NOW - HOUR, NOW - 2 * HOUR)]
    server.answer("/pool1/1h", body(*rows))

    (found,) = await filled.turns(1)

    assert [bar.t for bar in found.bars] == [NOW - 2 * HOUR, NOW - HOUR]


async def test_nothing_is_requested_while_the_budget_has_no_call_to_spare(
    server: Upstream, filled: Filled
) -> None:
    server.answer("/pool1/1h", body([NOW - HOUR, 1, 1, 1, 1, 1]))
    slow = replace(filled.backfill.source, rates={"default": 60.0})
    filled.backfill = replace(filled.backfill, source=slow)
    await Budget(filled.redis, filled.keys).take(slow.host, "default", 60.0)  # by a job just now

    assert await filled.turns(1) == []
    assert sum(server.calls.values()) == 0

    await filled.redis.delete(filled.keys.fetch_bucket(slow.host, "default"))
    assert len(await filled.turns(1)) == 1  # the token was not lost


async def test_nothing_is_requested_while_the_recorder_is_behind(
    server: Upstream, filled: Filled
) -> None:
    for _ in range(MOST_WAITING):
        await filled.redis.xadd(filled.keys.history_backfill, {"m": "waits"})

    await filled.backfill.turn()

    assert sum(server.calls.values()) == 0


async def test_a_pool_that_is_not_known_is_not_requested_again(
    server: Upstream, filled: Filled
) -> None:
    assert await filled.turns(4) == []
    assert sorted(server.calls) == ["/pool1/1d", "/pool1/1h", "/pool1/1m"]


def test_a_recorded_answer_is_read() -> None:
    bars = read_candles(recorded("geckoterminal", "ohlcv_15m_2025-08"), "1m")

    assert len(bars) == 35
    assert bars[0] == ForeignBar(
        1755725400, 7.908853828559325e-05, 0.00015232174514745713, 6.477105485869412e-05,
        0.00011075132832464755, 261519.08337612322,
    )  # fmt: skip


def test_rows_that_cannot_be_are_left_out() -> None:
    bars = read_candles(
        body(
            [120, 1, 2, 0.5, 1, None],  # an unknown volume is no reason
            [180, 1, 2, 0.5, 1, -1],
            [60, "1", "2", "0.5", "1", "7.5"],
            [61, 1, 2, 0.5, 1, 1],  # no whole minute
            [240, 1, 0.9, 0.5, 1, 1],  # a high below the open
            [300, 0, 2, 0, 1, 1],
            [360, 1, "NaN", 0.5, 1, 1],
            [420, 1e308, 1e309, 1, 1, 1],
            [-60, 1, 2, 0.5, 1, 1],
            [480, 1],
            "row",
            [60, 9, 9, 9, 9, 9],  # the first of a start counts
        ),
        "1m",
    )

    assert bars == [
        ForeignBar(60, 1, 2, 0.5, 1, 7.5), ForeignBar(120, 1, 2, 0.5, 1),
        ForeignBar(180, 1, 2, 0.5, 1),
    ]  # fmt: skip


@pytest.mark.parametrize("junk", [b"", b"[]", b'{"data":{}}', b"<html>", b'{"errors":[]}'])
def test_an_answer_without_candles_is_malformed(junk: bytes) -> None:
    with pytest.raises(MalformedBody):
        read_candles(junk, "1h")


@pytest.mark.parametrize(
    "junk",
    [b"", b"{}", b"[" * 100_000, b'{"id":"solana:x","tier":"5m","origin":"a:b","bars":[]}',
     b'{"id":"solana:x","tier":"1m","origin":"a b\\n","bars":[]}'],
)  # fmt: skip
def test_an_entry_that_is_none_is_a_value_error(junk: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        decode(junk)


def test_an_entry_is_cleaned_when_it_is_read() -> None:
    bars = [ForeignBar(60, 1, 2, 0.5, 1, 1), ForeignBar(90, 1, 2, 0.5, 1)]

    found = decode(encode(ForeignCandles(id=BONK, tier="1m", origin="replay", bars=bars)))

    assert found.bars == bars[:1]


def test_the_request_names_pool_token_and_currency() -> None:
    call = candles_call("ethereum", "0xAbC", "0xdef", "1h")

    assert call.path == "/networks/eth/pools/0xabc/ohlcv/hour"
    assert dict(call.query) == {
        "aggregate": "1", "limit": "1000", "currency": "usd", "token": "0xdef",
    }  # fmt: skip


@pytest.mark.parametrize(("wish", "top"), [("off", None), ("watched", 0), ("top:50", 50)])
def test_what_is_back_filled_is_a_setting(wish: str, top: int | None) -> None:
    assert read_settings(FetcherSettings, history_backfill=wish).backfill_top == top


@pytest.mark.parametrize("wish", ["top", "top:0", "top:1001", "all", "top:5 "])
def test_another_wish_is_named(wish: str) -> None:
    with pytest.raises(ConfigError, match="HISTORY_BACKFILL: must be off, watched, or top:N"):
        read_settings(FetcherSettings, history_backfill=wish)
