"""Bodies with pools that are not what they claim, for the tables of bench/rows.py.

CAT, whose real price is 2 USD; the fake pool says 500 USD and 900 M of liquidity.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

T0: Final = 1_790_000_000_000
CAT: Final = {"address": "7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU", "symbol": "CAT"}
SOL: Final = {"address": "So11111111111111111111111111111111111111112", "symbol": "SOL"}
MADE_UP: Final = {"address": "BadBadBadBadBadBadBadBadBadBadBadBadBadBad11", "symbol": "BAD"}
Json: TypeAlias = dict[str, Any]
Bodies: TypeAlias = tuple[tuple[str, list[Json] | Json], ...]  # by source


def pair(address: str, price: float, liquidity: float | None, volume: float, trades: int) -> Json:
    """Return a pair as DexScreener answers it."""
    return {
        "chainId": "solana",
        "dexId": "raydium",
        "pairAddress": address,
        "baseToken": CAT,
        "quoteToken": SOL,
        "priceUsd": str(price),
        "txns": {"h24": {"buys": trades, "sells": 0}},
        "volume": {"h24": volume},
        "priceChange": {"h24": 10},
        "liquidity": None if liquidity is None else {"usd": liquidity},
        "fdv": price * 1e6,
        "marketCap": price * 1e6,
        "pairCreatedAt": T0 - 86_400_000,
    }


def fake(volume: float, trades: int, address: str = "Fake", **more: object) -> Json:
    return {**pair(address, 500.0, 900e6, volume, trades), **more}


def jupiter(price: float) -> tuple[str, list[Json]]:
    return "jupiter", [{"id": CAT["address"], "symbol": "CAT", "usdPrice": price}]


def gecko(price: float, liquidity: float, volume: float, trades: int) -> tuple[str, Json]:
    attributes = {
        "address": "Gecko",
        "name": "CAT / SOL",
        "base_token_price_usd": str(price),
        "reserve_in_usd": str(liquidity),
        "volume_usd": {"h24": str(volume)},
        "transactions": {"h24": {"buys": trades, "sells": 0}},
    }
    sides = {
        side: {"data": {"id": f"solana_{token['address']}"}}
        for side, token in (("base_token", CAT), ("quote_token", SOL))
    }
    pool = {"id": "solana_Gecko", "type": "pool", "attributes": attributes}
    return "geckoterminal", {"data": [{**pool, "relationships": sides}]}


REAL: Final = pair("Real", 2.0, 30_000.0, 20_000.0, 300)
HOSTILE: Final[dict[str, Bodies]] = {
    "untraded fake": (("dexscreener", [fake(0, 0, quoteToken=MADE_UP), REAL]),),
    "untraded fake, Jupiter": (("dexscreener", [fake(0, 0)]), jupiter(2.1)),
    "volume without a trade": (("dexscreener", [fake(5e6, 0), REAL]),),
    "washed against a made-up token": (
        ("dexscreener", [fake(5e6, 900, quoteToken=MADE_UP), REAL]),
    ),
    "one trade of 2 USD": (("dexscreener", [fake(2, 1), REAL]),),
    "one trade of 1 M USD": (("dexscreener", [fake(1e6, 1), REAL]),),
    "one trade of 5,000 USD, Jupiter": (("dexscreener", [fake(5_000, 1)]), jupiter(2.1)),
    "washed, Jupiter": (("dexscreener", [fake(5e6, 900), REAL]), jupiter(2.1)),
    "washed, GeckoTerminal": (("dexscreener", [fake(5e6, 900)]), gecko(2.2, 40e3, 1100, 20)),
    "washed, GeckoTerminal and Jupiter": (
        ("dexscreener", [fake(5e6, 900)]),
        gecko(2.2, 40e3, 1100, 20),
        jupiter(2.1),
    ),
    "washed, with 2 USD of SOL in it": (
        (
            "dexscreener",
            [
                fake(
                    5e6,
                    900,
                    priceNative="2.5",
                    liquidity={"usd": 900e6, "base": 1.8e6, "quote": 0.01},
                ),
                REAL,
            ],
        ),
    ),
    "washed, nobody else": (("dexscreener", [fake(5e6, 900), REAL]),),
    "twenty untraded fakes": (
        ("dexscreener", [*[fake(0, 0, f"Fake{number}") for number in range(20)], REAL]),
    ),
    "untraded fake of unknown liquidity": (("dexscreener", [fake(0, 0, liquidity=None), REAL]),),
    "quiet token": (("dexscreener", [pair("Real", 2.0, 50_000.0, 0, 0)]),),
    "new pool beside its curve": (
        (
            "dexscreener",
            [pair("Curve", 1.9, None, 50_000.0, 700), pair("New", 2.0, 50_000.0, 15, 1)],
        ),
    ),
    "Jupiter wrong, two agree": (
        ("dexscreener", [REAL]),
        gecko(2.2, 40e3, 1100, 20),
        jupiter(9.0),
    ),
}
