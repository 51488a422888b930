"""Trending among the replayed market: what is washed does not get to the top."""

from __future__ import annotations

from typing import Any

import msgspec

from dexwire.stream.trending import score_of
from services.fetcher.sources import geckoterminal, jupiter
from shared.merge.policy import MergeRules
from shared.merge.readings import SourceReading, decode_reading, merge_reading
from shared.merge.rules import merge_token
from shared.model import Reading
from tests.testkit.replay import NOON, replay

Rows = list[dict[str, Any]]
TOP = 20
GECKO = "/geckoterminal/api/v2/networks/trending_pools"
JUPITER = [
    f"/jupiter/tokens/v2/{ranked}/{window}?limit=100"
    for ranked in ("toptraded", "toptrending", "toporganicscore")
    for window in ("1h", "24h")
]
# All are an hour old and lead by volume; the last has a wallet for each of its trades.
WASHED: dict[str, dict[str, Any]] = {
    "few addresses": {
        "liquidity": 400_000.0, "volume_1h": 60e6, "volume_6h": 60e6, "volume_24h": 60e6,
        "transactions_1h": 200_000, "traders_1h": 12, "net_buyers_1h": 12,
        "organic_volume_1h": 0.0,
    },
    "few addresses of which nothing is known": {
        "liquidity": 400_000.0, "volume_1h": 60e6, "volume_6h": 60e6, "volume_24h": 60e6,
        "transactions_1h": 200_000,
    },
    "self-trading one pool": {
        "liquidity": 5e6, "volume_1h": 900e6, "volume_6h": 900e6, "volume_24h": 900e6,
        "transactions_1h": 3_000_000, "traders_1h": 40, "net_buyers_1h": -1,
        "organic_volume_1h": 0.0,
    },
    "many tiny pools": {
        "pool_count": 500, "liquidity": 2_500.0, "volume_1h": 30e6, "volume_6h": 30e6,
        "volume_24h": 30e6, "transactions_1h": 2_000_000, "traders_1h": 50_000,
        "net_buyers_1h": 20_000, "organic_volume_1h": 0.0,
    },
}  # fmt: skip


async def market_rows() -> Rows:
    """The rows of what the lists of two replayed sources hold."""
    held: dict[tuple[str, str], dict[str, SourceReading]] = {}
    async with replay(tokens=600, seed=7) as it:
        pages: list[tuple[str, tuple[Reading, ...]]] = []
        for path in JUPITER:
            body = (await it.client.get(path)).content
            pages.append(("jupiter", jupiter.read_tokens(body, NOON).readings))
        body = (await it.client.get(f"{GECKO}?include=base_token,quote_token,dex")).content
        pages.append(("geckoterminal", geckoterminal.read_page(body, NOON).readings))
    for source, readings in pages:
        for each in readings:
            reading = decode_reading(msgspec.json.encode(each), NOON)
            token = held.setdefault((reading.chain, reading.token_address), {})
            token[source] = merge_reading(token.get(source), reading)
    return [
        {"id": f"{chain}:{address}"}
        | merge_token(chain, address, readings, NOON, MergeRules()).values
        for (chain, address), readings in held.items()
    ]


async def test_no_washed_token_reaches_the_top_20() -> None:
    market = await market_rows()
    washed = [
        {"id": f"solana:{name}", "observed_ms": NOON, "created_ms": NOON - 3_600_000, **figures}
        for name, figures in WASHED.items()
    ]

    ranked = sorted([*market, *washed], key=lambda row: score_of(row, "1h"), reverse=True)
    by_volume = sorted([*market, *washed], key=lambda row: row.get("volume_1h", 0), reverse=True)
    assert {row["id"] for row in ranked[:TOP]}.isdisjoint(row["id"] for row in washed)
    assert {row["id"] for row in by_volume[:4]} == {row["id"] for row in washed}
    assert len({row["id"].partition(":")[0] for row in market}) > 1
