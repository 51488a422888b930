"""Traps of real data, each with the values that a row must show; None: unknown."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from shared.merge.explain import explain
from shared.merge.policy import MergeRules
from shared.merge.readings import ReadingError
from tests.testkit.hostile import (
    MINT,
    SOL,
    T0,
    USDC,
    Seen,
    dex,
    flipped,
    gecko,
    gecko_pool,
    jup,
    pair,
    posted,
    row_of,
    state_of,
    tape,
)

CAT = f"solana:{MINT}"
EVM = "0xAbCdEf0123456789aBcDeF0123456789abcdef01"
MIN = 60_000
WEIGHTED = MergeRules(price_rule="weighted")


class Case(Struct, frozen=True):
    trap: str
    seen: tuple[Seen, ...]
    expected: dict[str, Any]
    now_ms: int = T0
    token: str = CAT
    rules: MergeRules = MergeRules()


def case(trap: str, *seen: Seen, now_ms: int = T0, token: str = CAT, **expected: object) -> Case:
    return Case(trap, seen, expected, now_ms, token)


QUOTE_SIDE = [
    case(
        "on the quote side the price is the quote's, not the base's 200 USD",
        dex(flipped()),
        price=2.0,
        price_source="dexscreener",
    ),
    case(
        "on the quote side buys and sells swap",
        dex(flipped(txns={"h24": {"buys": 20, "sells": 10}})),
        buys_24h=10,
        sells_24h=20,
        transactions_24h=30,
    ),
    case(
        "on the quote side cap, fdv and changes are the other token's",
        dex(flipped(marketCap=9e9, fdv=9e9)),
        market_cap=None,
        fdv=None,
        price_change_1h=None,
        volume_24h=1000.0,
    ),
    case("a native price of 0 gives no quote price", dex(flipped(priceNative="0")), price=None),
    case(
        "a quote side pool deeper than the base side one gives the price but no cap",
        dex(pair(), flipped("PoolB", priceNative="80", liquidity={"usd": 90000})),
        price=2.5,
        market_cap=None,
        volume_24h=2000.0,
        pool_address="PoolB",
    ),
    case(
        "SOL as the base of a pool does not take the token's place",
        dex(
            pair(
                baseToken={"address": SOL, "name": "SOL", "symbol": "SOL"},
                quoteToken={"address": MINT, "name": "Cat", "symbol": "CAT"},
                priceUsd="200",
                priceNative="100",
            )
        ),
        price=2.0,
        token_ticker="CAT",
    ),
    case(
        "a quote token without address leaves the base the token",
        dex(pair(quoteToken={"address": None, "name": None, "symbol": None})),
        price=2.0,
    ),
    case(
        "GeckoTerminal's quote side has its own price; nothing is divided",
        gecko(
            gecko_pool(base_token_price_usd="200", quote_token_price_usd="2.25")
            | {
                "relationships": {
                    "base_token": {"data": {"id": f"solana_{SOL}"}},
                    "quote_token": {"data": {"id": f"solana_{MINT}"}},
                }
            }
        ),
        price=2.25,
        fdv=None,
        price_change_1h=None,
        buys_24h=11,
    ),
]
POOLS = [
    case(
        "65 M of volume on 0 liquidity is no volume and no price",
        dex(pair(), pair("Rug", volume={"h24": 65e6}, liquidity={"usd": 0}, priceUsd="900")),
        price=2.0,
        volume_24h=1000.0,
        pool_count=1,
        liquidity=50_000.0,
    ),
    case(
        "3.8 billion of market cap on 0.59 USD is none",
        dex(pair(marketCap=3.8e9, liquidity={"usd": 0.59})),
        price=None,
        market_cap=None,
        fdv=None,
        volume_24h=None,
        pool_count=None,
    ),
    case(
        "one pool 1000 times off and shallow does not move the price",
        dex(pair(), pair("Off", priceUsd="2000", liquidity={"usd": 900}, volume={"h24": 9e6})),
        price=2.0,
        volume_24h=9_001_000.0,
        liquidity=50_900.0,
        pool_count=2,
    ),
    case(
        "of two deep pools the deeper gives price, changes and cap together",
        dex(pair(), pair("Big", priceUsd="2.4", liquidity={"usd": 60000}, marketCap=2.4e6)),
        price=2.4,
        market_cap=2.4e6,
        volume_24h=2000.0,
        transactions_24h=60,
    ),
    case(
        "of two equally deep pools the more traded gives the price",
        dex(pair(), pair("Busy", priceUsd="2.4", volume={"h24": 5000})),
        price=2.4,
        pool_address="Busy",
    ),
    case(
        "exactly 1,000 USD is deep",
        dex(pair(liquidity={"usd": 1000})),
        price_source="dexscreener",
        market_cap=2e6,
    ),
    case(
        "999.99 USD is thin: a price that says so, and no cap",
        dex(pair(liquidity={"usd": 999.99})),
        price=2.0,
        price_source="dexscreener:thin",
        market_cap=None,
        fdv=2.5e6,
    ),
    case(
        "a bonding curve without liquidity is thin, its volume counts",
        dex(pair(liquidity=None, dexId="pumpfun")),
        price_source="dexscreener:thin",
        volume_24h=1000.0,
        liquidity=None,
    ),
    case(
        "of thin pools the most traded gives the price, not the deepest",
        dex(pair(liquidity={"usd": 900}), pair("B", liquidity={"usd": 50}, volume={"h24": 7e3})),
        price_source="dexscreener:thin",
        pool_address="B",
    ),
    case(
        "1 USD of liquidity is alive, 0.99 is dead",
        dex(pair("A", liquidity={"usd": 1}), pair("B", liquidity={"usd": 0.99})),
        pool_count=1,
        pool_address="A",
        volume_24h=1000.0,
    ),
    case(
        "a pool twice in one answer counts once, the deeper record of it",
        dex(pair(), pair(liquidity={"usd": 100})),
        volume_24h=1000.0,
        liquidity=50_000.0,
        pool_count=1,
    ),
    case(
        "a dead pool does not tell since when the token trades",
        dex(pair(), pair("Old", liquidity={"usd": 0}, pairCreatedAt=T0 - 9_000_000)),
        created_ms=T0 - 5000,
    ),
    case(
        "a deep pool without a price sets none but counts",
        dex(pair(priceUsd=None)),
        price=None,
        volume_24h=1000.0,
        pool_count=1,
        pool_address=None,
    ),
]
VALUES = [
    case('"NaN" as a price is none', dex(pair(priceUsd="NaN")), price=None, volume_24h=1000.0),
    case('"Infinity" as a price is none', dex(pair(priceUsd="Infinity")), price=None),
    case('"1,000" as a price is none', dex(pair(priceUsd="1,000")), price=None),
    case("an empty price is none", dex(pair(priceUsd="")), price=None),
    case("a price of 0 is none", dex(pair(priceUsd="0")), price=None, price_source=None),
    case("a price below 0 is none", dex(pair(priceUsd="-2")), price=None),
    case("1e15 is no honest price", dex(pair(priceUsd="1e15")), price=None),
    case("a price of 18 decimals keeps them", dex(pair(priceUsd="2.566e-15")), price=2.566e-15),
    case("a price as a number is read too", dex(pair(priceUsd=2.5)), price=2.5),
    case(
        "volume below 0 is unknown, not 0",
        dex(pair(volume={"h24": -5})),
        volume_24h=None,
        price=2.0,
    ),
    case("volume of 0 is 0, not unknown", dex(pair(volume={"h24": 0})), volume_24h=0.0),
    case(
        "windows that are missing are unknown, not 0",
        dex(pair(volume={"h24": 10}, priceChange={}, txns={})),
        volume_1h=None,
        volume_5m=None,
        price_change_24h=None,
        transactions_24h=None,
        buys_24h=None,
        volume_24h=10.0,
    ),
    case(
        "a change of +34,155,435 % is kept, it is a percentage",
        dex(pair(priceChange={"h24": 34155435})),
        price_change_24h=34_155_435.0,
    ),
    case(
        "nothing falls by more than 100 %",
        dex(pair(priceChange={"h1": -100, "h24": -100.01})),
        price_change_1h=-100.0,
        price_change_24h=None,
    ),
    case(
        "2.5 trades are no trades",
        dex(pair(txns={"h24": {"buys": 2.5, "sells": 1}})),
        buys_24h=None,
        sells_24h=1,
    ),
    case("a creation in the future is none", dex(pair(pairCreatedAt=T0 + 6_000)), created_ms=None),
    case(
        "a creation in seconds is not believed",
        dex(pair(pairCreatedAt=T0 // 1000)),
        created_ms=None,
    ),
    case("liquidity of null is unknown: thin", dex(pair(liquidity={"usd": None})), liquidity=None),
    case(
        "numbers as strings of 60 digits are read",
        gecko(gecko_pool(base_token_price_usd="0.000640399" + "1" * 50)),
        price=0.0006403991111111111,
    ),
    case(
        'GeckoTerminal\'s "NaN" and nulls leave the rest of the pool',
        gecko(gecko_pool(base_token_price_usd="NaN", fdv_usd=None, reserve_in_usd=None)),
        price=None,
        fdv=None,
        volume_24h=1100.0,
    ),
    case(
        "Jupiter's nulls say that it no longer knows",
        jup(T0 - 9000, mcap=5e6),
        jup(T0, mcap=None, usdPrice=None),
        market_cap=None,
        price=None,
    ),
    case(
        "a field that Jupiter leaves out says nothing",
        jup(T0 - 9000, mcap=5e6),
        jup(T0),
        market_cap=5e6,
        price=2.1,
    ),
    case(
        "Jupiter's sides that are left out for being 0 add nothing",
        jup(stats24h={"buyVolume": 40.0, "numBuys": 4}),
        volume_24h=40.0,
        transactions_24h=4,
    ),
]
CAPS = [
    case(
        "market cap null with fdv present stays unknown",
        gecko(gecko_pool(market_cap_usd=None, fdv_usd="2600000")),
        market_cap=None,
        fdv=2.6e6,
    ),
    case(
        "the cap of another source is taken where the price's has none",
        gecko(gecko_pool()),
        jup(mcap=1.9e6, fdv=3e6),
        market_cap=1.9e6,
        fdv=2.6e6,
        price=2.2,
    ),
    case("a cap of 0 is none", dex(pair(marketCap=0)), market_cap=None),
    case("an fdv of 0 is none", dex(pair(fdv=0)), fdv=None),
    case(
        "a thin pool's cap is not taken, a producer's is",
        dex(pair(liquidity={"usd": 5}, marketCap=7e9)),
        posted(market_cap=1e6),
        market_cap=1e6,
        price_source="dexscreener:thin",
    ),
]
SOURCES = [
    case(
        "the same pool from two sources counts once, as the preferred one sees it",
        dex(pair()),
        gecko(gecko_pool()),
        volume_24h=1000.0,
        liquidity=50_000.0,
        pool_count=1,
        price=2.0,
        transactions_24h=30,
        price_spread_pct=pytest.approx(9.523809523809524),
    ),
    case(
        "different pools of two sources are added",
        dex(pair()),
        gecko(gecko_pool("PoolB")),
        volume_24h=2100.0,
        liquidity=90_000.0,
        pool_count=2,
        transactions_24h=63,
    ),
    case(
        "volume of pools and of Jupiter is of the same trades: the larger",
        dex(pair()),
        jup(stats24h={"buyVolume": 700.0, "sellVolume": 500.0, "numBuys": 3, "numSells": 2}),
        volume_24h=1200.0,
        transactions_24h=30,
        buys_24h=20,
        sells_24h=10,
    ),
    case(
        "buys and sells go with the transactions that were taken",
        dex(pair()),
        jup(stats24h={"numBuys": 40, "numSells": 5}),
        transactions_24h=45,
        buys_24h=40,
        sells_24h=5,
    ),
    case(
        "a Jupiter-only token has a price and no pools",
        jup(liquidity=8e4, holderCount=12),
        price=2.1,
        price_source="jupiter",
        pool_count=None,
        holders=12,
    ),
    case(
        "an ingest-only token has a price",
        posted(price=3.0, volume_24h=7.0),
        price=3.0,
        price_source="ingest:desk",
        volume_24h=7.0,
    ),
    case(
        "a producer's price does not stand before a deep pool's",
        dex(pair()),
        posted(price=99.0),
        price=2.0,
        price_source="dexscreener",
    ),
    case(
        "Jupiter stands before thin pools",
        dex(pair(liquidity={"usd": 5})),
        jup(),
        price=2.1,
        price_source="jupiter",
        price_change_1h=None,
    ),
    case(
        "changes are never mixed: the price's source has none, so there are none",
        jup(stats1h={}),
        dex(pair(liquidity={"usd": 5}, priceChange={"h1": 12993})),
        price_source="jupiter",
        price_change_1h=None,
    ),
    case(
        "of two producers the newest price counts",
        posted("old", T0 - 9000, price=1.0),
        posted("new", T0 - 1000, price=3.0),
        price=3.0,
        price_source="ingest:new",
    ),
    case(
        "the name is Jupiter's, the pool's figures are DexScreener's",
        dex(pair()),
        jup(),
        token_name="Jup Cat",
        token_ticker="JCAT",
        price=2.0,
    ),
]
DRAINED = [
    case(
        "73.8 M of volume by a source that itself says 0 liquidity is none, and its price is none",
        jup(
            liquidity=0,
            mcap=1.4e6,
            fdv=1.5e6,
            holderCount=77,
            stats1h={"priceChange": 153.0, "buyVolume": 9e6, "sellVolume": 1e6},
            stats24h={"buyVolume": 73.8e6, "sellVolume": 1.0, "numBuys": 82815, "numSells": 36528},
        ),
        dex(pair("Rug", volume={"h24": 65e6}, liquidity={"usd": 0}, priceUsd="900")),
        price=None,
        price_source=None,
        price_change_1h=None,
        market_cap=None,
        fdv=None,
        volume_1h=None,
        volume_24h=None,
        transactions_24h=None,
        buys_24h=None,
        sells_24h=None,
        liquidity=0.0,
        holders=77,
        token_ticker="JCAT",
        sources=["dexscreener", "jupiter"],
    ),
    case(
        "a drained source does not stand before another source's thin pool",
        jup(liquidity=0.99, stats24h={"buyVolume": 9e6}),
        dex(pair(liquidity={"usd": 5})),
        price=2.0,
        price_source="dexscreener:thin",
        volume_24h=1000.0,
        liquidity=5.0,
    ),
    case(
        "a drained source has no say in the spread",
        jup(liquidity=0.5, usdPrice=900.0),
        dex(pair()),
        price=2.0,
        price_spread_pct=None,
    ),
    case(
        "1 USD of a source's own liquidity is not drained",
        jup(liquidity=1, stats24h={"buyVolume": 40.0}),
        price=2.1,
        volume_24h=40.0,
    ),
    case(
        "liquidity of null is unknown, not drained",
        jup(T0 - 9000, liquidity=0),
        jup(T0, liquidity=None, stats24h={"buyVolume": 40.0}),
        price=2.1,
        volume_24h=40.0,
        liquidity=None,
    ),
    case(
        "a source that left liquidity out since it gave 0 is still drained",
        jup(T0 - 9 * MIN, liquidity=0),
        jup(T0, stats24h={"buyVolume": 40.0}),
        price=None,
        volume_24h=None,
        liquidity=0.0,
    ),
    case(
        "and no longer once that was too long ago",
        jup(T0 - 10 * MIN, liquidity=0),
        jup(T0, stats24h={"buyVolume": 40.0}),
        price=2.1,
        volume_24h=40.0,
        liquidity=None,
    ),
    case(
        "a producer that says 0 liquidity is drained like anybody",
        posted("desk", price=3.0, liquidity=0.0, volume_24h=7e6),
        posted("other", T0 - 9000, price=4.0, volume_24h=7.0),
        price=4.0,
        price_source="ingest:other",
        volume_24h=7.0,
        liquidity=0.0,
    ),
    case(
        "a token that came back to life counts again at once",
        jup(T0 - 9000, liquidity=0, stats24h={"buyVolume": 40.0}),
        jup(T0, liquidity=5000.0, stats24h={"buyVolume": 41.0}),
        price=2.1,
        volume_24h=41.0,
    ),
]
TIME = [
    case(
        "an older observation does not overwrite a newer one",
        dex(pair(), at_ms=T0),
        dex(pair(priceUsd="9"), at_ms=T0 - 5000),
        price=2.0,
        observed_ms=T0,
    ),
    case(
        "volume falls to 0",
        dex(pair(), at_ms=T0 - 5000),
        dex(pair(volume={"h24": 0})),
        volume_24h=0.0,
    ),
    case(
        "a source that is stale drops out",
        dex(pair(), at_ms=T0 - 10 * MIN),
        jup(),
        price=2.1,
        price_source="jupiter",
        pool_count=None,
        sources=["jupiter"],
    ),
    case(
        "a source that returns with older data does not come back",
        jup(),
        dex(pair(priceUsd="9"), at_ms=T0 - 11 * MIN),
        price=2.1,
        volume_24h=None,
        sources=["jupiter"],
    ),
    case(
        "a price of 3 min gives way to a fresh one of a lower place",
        dex(pair(), at_ms=T0 - 3 * MIN),
        jup(),
        price=2.1,
        volume_24h=1000.0,
        pool_count=1,
    ),
    case(
        "a price of 3 min stays while nobody has a fresher one",
        dex(pair(), at_ms=T0 - 3 * MIN),
        price=2.0,
        stale=False,
    ),
    case(
        "nobody has reported anything for 10 min: stale, as it last was",
        dex(pair(), at_ms=T0 - 10 * MIN),
        price=2.0,
        volume_24h=1000.0,
        stale=True,
        sources=["dexscreener"],
    ),
    case(
        "a time an hour ahead is clamped and does not freeze the token",
        posted("a", T0 - 2000, price=1.0, observed_ms=T0 + 3_600_000),
        posted("a", T0 - 1000, price=2.0),
        price=2.0,
    ),
    case(
        "a pool that one source stopped seeing is taken from the other",
        dex(pair(), at_ms=T0 - 10 * MIN),
        gecko(gecko_pool()),
        price=2.2,
        price_source="geckoterminal",
        volume_24h=1100.0,
        pool_count=1,
    ),
]
NAMES = [
    case(
        "a bidi override is not shown",
        dex(pair(baseToken={"address": MINT, "name": "\u202etaC", "symbol": "\u2067CAT\u2069"})),
        token_name="taC",
        token_ticker="CAT",
    ),
    case(
        "zero-width characters are not shown",
        dex(pair(baseToken={"address": MINT, "name": "C\u200ba\ufefft", "symbol": "C\u2060AT"})),
        token_name="Cat",
        token_ticker="CAT",
    ),
    case(
        "control characters and line breaks become one space or nothing",
        dex(pair(baseToken={"address": MINT, "name": "A\r\n\tB\x00\x1b[31m", "symbol": "\x07X"})),
        token_name="A B[31m",
        token_ticker="X",
    ),
    case(
        "a name of nothing visible is unknown, the next source decides",
        jup(name="\u200b\u3164\u2800", symbol="\u00ad"),
        dex(pair()),
        token_name="Cat",
        token_ticker="CAT",
    ),
    case(
        "a name of 128 letters is cut and says so",
        posted(token_name="n" * 128, token_ticker="T" * 40),
        token_name="n" * 63 + "…",
        token_ticker="T" * 23 + "…",
    ),
    case(
        "a script in a name stays text",
        dex(pair(baseToken={"address": MINT, "name": "<script>alert(1)</script>", "symbol": "X"})),
        token_name="<script>alert(1)</script>",
    ),
    case(
        "an emoji stays an emoji",
        dex(pair(baseToken={"address": MINT, "name": "🦅☝️", "symbol": "☝️"})),
        token_name="🦅☝️",
        token_ticker="☝️",
    ),
    case(
        "a tower of marks is cut down",
        posted(token_name="Z" + "\u0300" * 40),
        token_name="Z" + "\u0300" * 3,
    ),
]
KEYS = [
    case(
        "an EVM address in two cases is one token",
        dex(pair(chainId="ethereum", baseToken={"address": EVM, "name": "E", "symbol": "E"})),
        posted(chain="eth", token_address=EVM.lower(), holders=5),
        token=f"ethereum:{EVM.lower()}",
        price=2.0,
        holders=5,
        token_address=EVM.lower(),
    ),
    case(
        "a base58 address keeps its case",
        posted(token_address=MINT, price=1.0),
        posted("other", token_address=MINT.lower(), price=9.0),
        price=1.0,
        sources=["ingest:desk"],
    ),
    case(
        "the same address on two chains is two tokens",
        dex(pair(chainId="bsc", baseToken={"address": EVM, "name": "B", "symbol": "B"})),
        dex(
            pair(
                chainId="base",
                priceUsd="7",
                baseToken={"address": EVM, "name": "B", "symbol": "B"},
            )
        ),
        token=f"bsc:{EVM.lower()}",
        price=2.0,
        volume_24h=1000.0,
    ),
    case(
        "two tokens with one ticker stay two",
        dex(pair(), pair("PoolB", baseToken={"address": "Copy", "name": "Cat", "symbol": "CAT"})),
        volume_24h=1000.0,
        pool_count=1,
    ),
]
RECORDED = [
    case(
        "recorded: WHUF's dead bonding curve alone is thin, at 2.566e-15 USD",
        tape("dexscreener", "tokens-v1_solana-rugged-dead-pairs_2026-10-08"),
        token="solana:Hyn3TNGqTyz936vJDHAEgRP9krcVKSahFtXXE6Jv4vKu",
        price=2.566e-15,
        price_source="dexscreener:thin",
        market_cap=None,
    ),
    case(
        "recorded: with GeckoTerminal's 397k pool WHUF has a price ten orders higher",
        tape("dexscreener", "tokens-v1_solana-rugged-dead-pairs_2026-10-08"),
        tape("geckoterminal", "pools_solana_rugged_first8_2026-10-08"),
        token="solana:Hyn3TNGqTyz936vJDHAEgRP9krcVKSahFtXXE6Jv4vKu",
        price=2.0369062329333678e-05,
        price_source="geckoterminal",
        pool_count=2,
        liquidity=397_100.1128,
        price_change_24h=89.071,
        volume_24h=50_686_000.7035253,
    ),
    case(
        "recorded: a token called Anthropic is a rug: known by name, no figures",
        tape("dexscreener", "tokens-v1_solana-rugged-dead-pairs_2026-10-08"),
        token="solana:6tTmkPXBMVnW1DG9orKx2xFtw3hWAyuR6JPRLbfrX5r",
        token_ticker="Anthropic",
        price=None,
        volume_24h=None,
        market_cap=None,
    ),
    case(
        "recorded: QTC's rugged pool gives nothing from either source",
        tape("dexscreener", "tokens-v1_solana-rugged-dead-pairs_2026-10-08"),
        tape("geckoterminal", "pools_solana_rugged_first8_2026-10-08"),
        token="solana:2phANa4m2PquFg4WNsmLharGiJTEwbtQSrzUfMaRJGEy",
        token_ticker="QTC",
        price=None,
        volume_24h=None,
        pool_count=None,
    ),
    case(
        "recorded: USD1 sums its 10 base pools, not the 31 M of all 30",
        tape("dexscreener", "latest-dex-tokens_solana-usd1_2025-11-06"),
        token="solana:USD1ttGY1N17NEEHLmELoaybftRBUSErhqYiQzvEmuB",
        price=0.9989,
        pool_count=10,
        volume_24h=pytest.approx(7_557_112.3),
    ),
    case(
        "recorded: LPPP on the quote side of a 98 USD pool",
        tape("dexscreener", "latest-dex-tokens_solana-usd1_2025-11-06"),
        token="solana:44sHXMkPeciUpqhecfCysVs7RcaxeM24VPMauQouBREV",
        price=pytest.approx(0.000143247396),
        price_source="dexscreener:thin",
        market_cap=None,
        fdv=None,
        liquidity=98.0,
    ),
    case(
        'recorded: GREG\'s new pool with the string "NaN"',
        tape("geckoterminal", "new_pools_solana_nan_2025-09"),
        token="solana:huGbvMBsED85Z2P2S5bkiJkRbL7RSaqzd1iZ39qpump",
        token_ticker="GREG",
        price=None,
        price_source=None,
    ),
    case(
        "recorded: WENLIST has 158k of liquidity and no cap",
        tape("geckoterminal", "new_pools_solana_nan_2025-09"),
        token="solana:9EVh2JwRdxfe8XwDLFp28LrL3QG3MrQTM4n1ZwFQH5bt",
        liquidity=158_590.1898,
        market_cap=None,
        price_change_24h=196.269,
    ),
    case(
        "recorded: SORACAT on a launchpad: volume 0, no price",
        tape("geckoterminal", "tokens-multi_solana_docs-example_2026-06"),
        token="solana:2g4LS3y2myPe6vj9wTvoBE1wKqxvhnZPoZA9QU9upump",
        price=None,
        volume_24h=0.0,
        liquidity=5234.612487989761,
    ),
    case(
        "recorded: TRUMP's cap is its own, not the 2 billion of the fdv",
        tape("geckoterminal", "tokens-multi_solana_docs-example_2026-06"),
        token="solana:6p6xgHyF7AeE6TZkSmFsko444wqoP15icUSqi2jfGiPN",
        market_cap=478_960_276.377951,
        fdv=2_017_403_219.49608,
    ),
    case(
        "recorded: WOOD of 2023, before there was a market cap, on 254 USD",
        tape("dexscreener", "latest-dex-pairs_solana-wood_2023-12-04"),
        token="solana:Ao3fKu6s2jH2vFHLWUchgf4mPWQ7G4FEttHa1xXv7Wio",
        price=9.108e-07,
        market_cap=None,
        fdv=721.0,
        liquidity=254.49,
    ),
    case(
        "recorded: WETH by its lower-case address, capped above its fdv by the source",
        tape("dexscreener", "latest-dex-pairs_ethereum-weth-usdc_2026-10-04"),
        token="ethereum:0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2",
        price=2701.37,
        market_cap=5_530_815_254.0,
        fdv=5_528_581_517.0,
    ),
    case(
        "recorded: BONK of Jupiter alone: both sides of the volume, no pool",
        tape("jupiter", "tokens-v2-search_bonk-wif-popcat_2026-09-18"),
        token="solana:DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263",
        price=2.949382133024654e-06,
        transactions_24h=404_538,
        pool_count=None,
    ),
]
MEAN = [
    Case(
        "weighted: a drained source's price has no part in the mean",
        (dex(pair()), jup(liquidity=0.99)),
        {"price": 2.0, "price_source": "dexscreener", "price_spread_pct": None},
        rules=WEIGHTED,
    ),
    Case(
        "weighted: the mean by the liquidity behind each price",
        (dex(pair()), jup(liquidity=50_000.0)),
        {"price": pytest.approx(2.05), "price_source": "weighted"},
        rules=WEIGHTED,
    ),
    Case(
        "weighted: a price 1000 times off is dropped",
        (dex(pair()), jup(usdPrice=2000.0, liquidity=40_000.0)),
        {"price": 2.0, "price_source": "dexscreener"},
        rules=WEIGHTED,
    ),
    Case(
        "weighted: without any known liquidity the order decides",
        (jup(), posted(price=9.0)),
        {"price": 2.1, "price_source": "jupiter"},
        rules=WEIGHTED,
    ),
]
CASES = [
    *(*QUOTE_SIDE, *POOLS, *VALUES, *CAPS, *SOURCES),
    *(*DRAINED, *TIME, *NAMES, *KEYS, *RECORDED, *MEAN),
]


def test_there_are_as_many_traps_as_promised() -> None:
    assert len({each.trap for each in CASES}) == len(CASES) >= 60


@pytest.mark.parametrize("trap", CASES, ids=lambda each: each.trap)
def test_trap(trap: Case) -> None:
    row, readings = row_of(trap.seen, trap.token, trap.now_ms, trap.rules)
    assert {name: row.get(name) for name in trap.expected} == trap.expected
    explained = explain(readings, trap.now_ms, trap.rules).fields
    for name in trap.expected.keys() & explained.keys():
        assert explained[name].value == row.get(name)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"price": "2"}, "invalid"),
        ({"price": -1}, "invalid"),
        ({"price": 1e15}, "invalid"),
        ({"volume_24h": True}, "invalid"),
        ({"transactions_24h": 1.5}, "invalid"),
        ({"chain": "so lana"}, "chain"),
        ({"token_address": "a b"}, "address"),
        ({"token_address": "a\nb"}, "address"),
        ({"token_name": "n" * 129}, "invalid"),
    ],
)
def test_what_a_producer_may_not_say_is_refused(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(ReadingError) as caught:
        state_of(posted(**fields))
    assert caught.value.reason == reason


def test_one_bad_record_does_not_spoil_its_answer() -> None:
    state = state_of(dex({"chainId": 5}, pair(), {"pairAddress": "x"}))
    assert list(state) == [CAT]


def test_a_pool_of_two_quote_assets_lists_the_base() -> None:
    usdc = {"address": USDC, "name": "USDC", "symbol": "USDC"}
    sol = {"address": SOL, "name": "SOL", "symbol": "SOL"}
    assert list(state_of(dex(pair(baseToken=sol, quoteToken=usdc)))) == [f"solana:{SOL}"]


def test_rows_are_as_hostile_as_they_were_in_any_order() -> None:
    for trap in CASES:
        forth, _ = row_of(trap.seen, trap.token, trap.now_ms, trap.rules)
        back, _ = row_of(trap.seen[::-1], trap.token, trap.now_ms, trap.rules)
        assert forth == back, trap.trap


# -- adding a source ------------------------------------------------------------------------------
FIGURES = ("volume_24h", "liquidity", "transactions_24h", "buys_24h", "sells_24h")
amounts = st.floats(1, 1e9)
trading = st.lists(st.tuples(st.sampled_from("ABC"), amounts, amounts), min_size=1, max_size=4)


@settings(max_examples=60)
@given(trading, amounts)
def test_adding_a_source_of_the_same_trades_never_makes_a_figure_double(
    pools: list[tuple[str, float, float]], whole: float
) -> None:
    pairs = [pair(a, volume={"h24": v}, liquidity={"usd": q}) for a, v, q in pools]
    views = [gecko_pool(a, volume_usd={"h24": v}, reserve_in_usd=q) for a, v, q in pools]
    one, _ = row_of((dex(*pairs),), CAT, T0, MergeRules())
    more = (
        dex(*pairs),
        gecko(*views),
        jup(liquidity=whole, stats24h={"buyVolume": whole, "sellVolume": 0.0}),
        posted(volume_24h=whole, liquidity=whole),
    )
    for count in range(2, len(more) + 1):
        row, _ = row_of(more[:count], CAT, T0, MergeRules())
        for name in FIGURES:
            if name in one:
                assert row[name] <= max(one[name], whole if count > 2 else 0)
                assert row[name] >= one[name]
