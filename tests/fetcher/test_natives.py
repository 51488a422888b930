"""What pools imply of their chain's own coin."""

from __future__ import annotations

import json

from services.fetcher.sources.dexscreener import read_pairs
from services.fetcher.sources.geckoterminal import read_page

SOL = "So11111111111111111111111111111111111111112"
USDC = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"
NOW_MS = 1_790_000_000_000


def pair(number: int, usd: str, native: str, *, quote: str = SOL) -> dict[str, object]:
    return {
        "chainId": "solana",
        "pairAddress": f"Pool{number}",
        "baseToken": {"address": f"Token{number}", "name": "A", "symbol": "A"},
        "quoteToken": {"address": quote, "name": "Q", "symbol": "Q"},
        "priceUsd": usd,
        "priceNative": native,
    }


def test_dexscreener_gives_the_median_of_what_its_pools_imply() -> None:
    body = [
        pair(1, "0.3", "0.002"),
        pair(2, "0.302", "0.002"),
        pair(3, "9000", "0.001"),
        pair(4, "0.5", "0.5", quote=USDC),
    ]

    page = read_pairs(json.dumps(body).encode(), NOW_MS)

    (coin,) = page.natives
    assert (coin.chain, coin.token_address, coin.price) == ("solana", SOL, 151.0)
    assert len(page.readings) == len(page.found) == 4


def test_geckoterminal_gives_the_price_of_the_quote_side() -> None:
    def token(address: str) -> dict[str, object]:
        return {"data": {"id": f"solana_{address}", "type": "token"}}

    record = {
        "id": "solana_Pool1",
        "type": "pool",
        "attributes": {
            "address": "Pool1",
            "base_token_price_usd": "0.3",
            "quote_token_price_usd": "150.25",
        },
        "relationships": {"base_token": token("Token1"), "quote_token": token(SOL)},
    }

    page = read_page(json.dumps({"data": [record]}).encode(), NOW_MS)

    (coin,) = page.natives
    assert (coin.token_address, coin.price) == (SOL, 150.25)


def test_pools_without_the_coin_imply_nothing() -> None:
    page = read_pairs(json.dumps([pair(1, "0.5", "0.5", quote=USDC)]).encode(), NOW_MS)

    assert page.natives == ()
