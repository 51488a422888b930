"""`quote=`: rows in their chain's own coin, at each exact version."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from services.aggregator.app import run as run_aggregator
from services.aggregator.settings import AggregatorSettings
from services.api.discover.quoting import parse_quote
from shared.edge.http.problem import Problem
from shared.keys import Keys
from shared.model import PoolReading, Reading, ReadingBatch
from shared.redis.connect import Redis
from tests.testkit.api import Served, Start
from tests.testkit.wait import eventually

SOL = "So11111111111111111111111111111111111111112"
WETH = "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2"
MEME = "0x" + "ab" * 20


@pytest.fixture
async def served(redis_url: str, redis_prefix: str, start: Start) -> AsyncIterator[Served]:
    """An api beside an aggregator that leads."""
    stop = asyncio.Event()
    settings = AggregatorSettings(redis_url=redis_url, redis_prefix=redis_prefix, window_ms=20)
    running = asyncio.create_task(run_aggregator(settings, stop))
    served = await start()

    async def committed() -> bool:
        first = {"source": "bot", "tokens": [{"token_address": "First", "liquidity": 1}]}
        return (await served.client.post("/ingest?ack=commit", json=first)).status_code == 200

    await eventually(committed)
    yield served
    stop.set()
    await running


async def hear(redis: Redis, keys: Keys, *readings: Reading) -> None:
    batch = ReadingBatch(source="dexscreener", batch_id="b", sent_ms=now_ms(), tokens=readings)
    await redis.publish(keys.raw_tokens, msgspec.json.encode(batch))


def now_ms() -> int:
    return int(time.time() * 1000)


def coin(chain: str, address: str, price: float) -> Reading:
    return Reading(chain=chain, token_address=address, observed_ms=now_ms(), price=price)


def token(chain: str, address: str, price: float) -> Reading:
    pool = PoolReading(
        pool_address=f"{address}P", price=price, market_cap=3_000.0, liquidity=9e4, volume_24h=5e4
    )
    return Reading(
        chain=chain, token_address=address, observed_ms=now_ms(), token_name="Meme", pools=(pool,)
    )


async def shown(served: Served, path: str) -> dict[str, Any]:
    """The native figures of each row, by chain."""
    rows = (await served.client.get(path)).json()["tokens"]
    return {r["chain"]: (r.get("price_native"), r.get("market_cap_native")) for r in rows}


async def test_rows_are_quoted_in_the_coin_of_their_own_chain(
    redis: Redis, keys: Keys, served: Served
) -> None:
    await hear(
        redis, keys, token("solana", "Abc", 0.3), token("ethereum", MEME, 6.0),
        coin("solana", SOL, 150.0), coin("ethereum", WETH, 3_000.0),
    )  # fmt: skip
    await eventually(lambda: set(served.api.live.replica.native) == {"solana", "ethereum"})
    await eventually(lambda: len(served.api.live.replica.rows) == 3)

    assert await shown(served, "/discover?quote=native") == {
        "solana": (0.002, 20.0),
        "ethereum": (0.002, 1.0),
    }
    assert await shown(served, "/discover?quote=SOL") == {
        "solana": (0.002, 20.0),
        "ethereum": (None, None),
    }
    assert (await shown(served, "/discover?quote=weth"))["ethereum"] == (0.002, 1.0)
    assert await shown(served, "/discover") == {"solana": (None, None), "ethereum": (None, None)}
    assert (await shown(served, "/search?q=meme&quote=sol"))["solana"] == (0.002, 20.0)
    one = (await served.client.get("/tokens/solana/Abc?quote=native")).json()
    assert one["token"]["price_native"] == 0.002
    assert one["native_prices"]["solana"]["price"] == 150.0
    assert one["native_prices"]["solana"]["symbol"] == "SOL"


async def test_the_coin_itself_is_no_row(redis: Redis, keys: Keys, served: Served) -> None:
    await hear(redis, keys, coin("solana", SOL, 150.0))
    await eventually(lambda: served.api.live.replica.native)

    assert (await served.client.get(f"/tokens/solana/{SOL}")).status_code == 404
    assert f"solana:{SOL}" not in served.api.live.replica.rows


async def test_a_page_has_the_prices_of_its_version(
    redis: Redis, keys: Keys, served: Served
) -> None:
    await hear(redis, keys, token("solana", "Abc", 0.3), coin("solana", SOL, 150.0))
    await eventually(lambda: len(served.api.live.replica.rows) == 2)
    await eventually(lambda: served.api.live.replica.native)
    first = await served.client.get("/discover?quote=SOL&chain=solana")

    before = served.api.live.replica.version
    await hear(redis, keys, coin("solana", SOL, 300.0))
    await eventually(lambda: served.api.live.replica.version > before)
    held = {"if-none-match": first.headers["etag"]}
    second = await served.client.get("/discover?quote=SOL&chain=solana", headers=held)

    assert first.json()["tokens"][0]["price_native"] == 0.002
    assert second.status_code == 200
    assert second.json()["version"] > first.json()["version"]
    assert second.json()["tokens"][0]["price_native"] == 0.001


async def test_an_api_that_starts_later_knows_the_prices(
    redis: Redis, keys: Keys, served: Served, start: Start
) -> None:
    await hear(redis, keys, token("solana", "Abc", 0.3), coin("solana", SOL, 150.0))
    await eventually(lambda: served.api.live.replica.native)
    await eventually(lambda: len(served.api.live.replica.rows) == 2)

    later = await start()
    await later.follows(served.api.live.replica.version)

    assert later.api.live.replica.native == served.api.live.replica.native
    assert (await shown(later, "/discover?quote=SOL"))["solana"] == (0.002, 20.0)


async def test_an_unknown_price_is_absent(redis: Redis, keys: Keys, served: Served) -> None:
    await hear(redis, keys, token("solana", "Abc", 0.3))
    await eventually(lambda: len(served.api.live.replica.rows) == 2)

    page = (await served.client.get("/discover?quote=SOL")).json()

    assert "price_native" not in page["tokens"][0]
    assert page["native_prices"] == {}


@pytest.mark.parametrize(
    ("text", "quote"),
    [
        (None, None), ("usd", None), ("USD", None), ("native", "native"), ("NATIVE", "native"),
        ("SOL", "SOL"), ("sol", "SOL"), ("WETH", "ETH"), ("bnb", "BNB"), ("MATIC", "POL"),
    ],
)  # fmt: skip
def test_coins_have_their_usual_names(text: str | None, quote: str | None) -> None:
    assert parse_quote(text) == quote


@pytest.mark.parametrize(("text", "detail"), [("", "native or"), ("SOLL", "did you mean SOL?")])
def test_another_coin_is_refused(text: str, detail: str) -> None:
    with pytest.raises(Problem) as caught:
        parse_quote(text)

    assert (caught.value.status, caught.value.code) == (400, "bad_quote")
    assert detail in caught.value.detail
