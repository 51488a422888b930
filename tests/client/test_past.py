"""The past with the client: candles and lists, as structs and as data frames."""

from __future__ import annotations

import asyncio
import datetime as dt
import sys
from collections.abc import AsyncIterator

import pandas as pd
import polars as pl
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

import dexwire
from dexwire import Client, ClientError, Problem
from dexwire.client.past import Candle, Candles, PastList
from tests.api.conftest import history, history_url, launch
from tests.testkit.api import Launch
from tests.testkit.commits import Writer
from tests.testkit.history import MS0, T0, candle, minutes, record, token_row

__all__ = ["history", "history_url", "launch"]
MINUTE, HOUR = 60_000, 3_600_000
UTC = dt.timezone.utc  # noqa: UP017 - as polars names it


@pytest.fixture
async def url(writer: Writer, history: AsyncEngine, history_url: str, launch: Launch) -> str:
    """An api with ten minutes of one token."""
    await writer.begin()
    await writer.commit([])
    await record(
        history,
        {
            "1m": minutes(1, 0, 4, liquidity=9.0, volume_24h=7.0),
            "1h": {(1, T0): candle(T0, 5.0, last_ms=MS0 + 4 * MINUTE, volume_24h=7.0)},
        },
        tokens=[token_row(1, "A")],
        hot=[1],
        at_ms=MS0 + 5 * MINUTE,
    )
    api = await launch(history_url=history_url)
    return api.url


@pytest.fixture
async def c(url: str) -> AsyncIterator[Client]:
    async with Client(url) as client:
        yield client


async def test_candles_are_what_the_api_answers(c: Client) -> None:
    found = await c.candles("solana:A", interval="1m", from_ms=MS0, fill="previous")

    assert (found.basis, found.token, found.interval) == ("sampled", "solana:A", "1m")
    assert [(k.t, k.c, k.kind) for k in found.candles] == [
        (MS0, 1.0, "seen"),
        (MS0 + MINUTE, 1.0, "filled"),
        (MS0 + 2 * MINUTE, 1.0, "filled"),
        (MS0 + 3 * MINUTE, 1.0, "filled"),
        (MS0 + 4 * MINUTE, 5.0, "seen"),
    ]
    assert found.coverage is not None
    assert (found.coverage.tier, found.coverage.share) == ("1m", 1.0)
    assert [(gap.kind, gap.from_ms, gap.to_ms) for gap in found.gaps] == [
        ("unseen", MS0 + MINUTE, MS0 + 4 * MINUTE)
    ]


async def test_candles_are_data_frames(c: Client) -> None:
    found = await c.candles("solana:A", interval="1m", limit=5)

    table = found.to_polars()
    assert table.schema["t"] == pl.Datetime("ms", "UTC")
    assert table.select("c", "n", "by", "mixed", "liquidity", "volume", "kind").rows() == [
        (1.0, 1, "jupiter", False, 9.0, None, "seen"),
        (5.0, 1, "jupiter", False, 9.0, None, "seen"),
    ]
    frame = found.to_pandas()
    assert list(frame.index) == [
        pd.Timestamp(MS0, unit="ms", tz="UTC"),
        pd.Timestamp(MS0 + 4 * MINUTE, unit="ms", tz="UTC"),
    ]
    assert list(frame["c"]) == [1.0, 5.0]
    assert frame["volume"].isna().all()
    assert list(frame.columns) == table.columns[1:]


async def test_the_list_as_it_was_is_a_data_frame_too(c: Client) -> None:
    found = await c.discover_at(MS0 + 5 * MINUTE, sort="volume", window="24h", limit=5)

    assert (found.total, found.recorded_ms) == (1, MS0 + 5 * MINUTE - 1_000)
    assert found.tokens[0]["price"] == 5.0
    assert found.to_polars().select("id", "volume_24h", "gone_ms").rows() == [
        ("solana:A", 7.0, None)
    ]
    assert list(found.to_pandas().loc[:, "volume_24h"]) == [7.0]


async def test_without_await_it_is_the_same(url: str) -> None:
    def call() -> tuple[Candles, PastList]:
        with dexwire.connect(url) as d:
            return d.candles("solana:A", interval="1h"), d.discover_at(MS0 + 5 * MINUTE)

    candles, listed = await asyncio.to_thread(call)

    assert candles.candles[0].volume is None
    assert candles.interval == "1h"
    assert listed.tokens[0]["id"] == "solana:A"


async def test_what_is_wrong_is_said(c: Client) -> None:
    with pytest.raises(ValueError, match="not a token id"):
        await c.candles("A")
    with pytest.raises(Problem, match="unknown_token"):
        await c.candles("solana:B")
    with pytest.raises(Problem, match="not_recorded"):
        await c.discover_at(MS0 - 24 * HOUR)


@pytest.mark.parametrize("library", ["polars", "pandas"])
def test_a_library_that_is_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    one = Candle(t=MS0, o=1.0, h=1.0, l=1.0, c=1.0, n=1)
    found = Candles(basis="sampled", token="a:b", interval="1m", from_ms=0, to_ms=1, candles=[one])

    with pytest.raises(ClientError, match=rf"pip install 'dexwire\[{library}\]'"):
        getattr(found, f"to_{library}")()


def test_frames_without_rows_have_their_columns() -> None:
    found = Candles(basis="sampled", token="a:b", interval="1m", from_ms=0, to_ms=1, candles=[])

    assert found.to_polars().columns == ["t", *found.to_pandas().columns]
