"""Every recorded DexScreener body, read as the fetcher reads it."""

from __future__ import annotations

import random

import msgspec
import pytest
from msgspec import UNSET

from services.fetcher.source import ParsedBody
from services.fetcher.sources.dexscreener import (
    pools_call,
    read_listed,
    read_pairs,
    search_call,
    tokens_call,
)
from shared.errors import MalformedBody
from shared.model import Detail, PoolReading, Reading
from tests.testkit.recordings import figures, recorded, the_pool, the_reading

AT = 1_700_000_000_000
USD1 = "USD1ttGY1N17NEEHLmELoaybftRBUSErhqYiQzvEmuB"
LPPP = "44sHXMkPeciUpqhecfCysVs7RcaxeM24VPMauQouBREV"
PAIR = {
    "chainId": "base",
    "dexId": "uniswap",
    "pairAddress": "0xAAAAaaaaAAAAaaaaAAAAaaaaAAAAaaaaAAAAaaaa",
    "baseToken": {
        "address": "0xBBBBbbbbBBBBbbbbBBBBbbbbBBBBbbbbBBBBbbbb",
        "name": "Bee",
        "symbol": "B",
    },
    "quoteToken": {"address": "0x4200000000000000000000000000000000000006", "symbol": "WETH"},
    "priceNative": "0.5",
    "priceUsd": "2.5",
}


def pairs(name: str) -> ParsedBody:
    return read_pairs(recorded("dexscreener", name), AT)


def one_pair(**changed: object) -> ParsedBody:
    return read_pairs(msgspec.json.encode([{**PAIR, **changed}]), AT)


# -- the recordings -------------------------------------------------------------------------------
def test_a_batch_of_one_token_gives_its_one_pool() -> None:
    page = pairs("tokens-v1_solana-usd1_2025-11-06")

    assert page.refused == {}
    assert page.found == (f"solana:{USD1}",)
    assert tuple(map(figures, page.readings)) == (
        Reading(
            chain="solana",
            token_address=USD1,
            observed_ms=AT,
            token_name="World Liberty Financial USD",
            token_ticker="USD1",
            pools=(
                PoolReading(
                    pool_address="BCDdHonby65iduz3Ev3c9v5XjNkzyu5e56KRFHpBM4T9",
                    protocol="raydium",
                    created_ms=1756577941000,
                    price=0.9989,
                    liquidity=15059888.24,
                    other_liquidity=4181218.0,
                    market_cap=157836115,
                    fdv=157836115,
                    volume_5m=956.45,
                    volume_1h=100242.11,
                    volume_6h=485137.03,
                    volume_24h=5083026.67,
                    price_change_1h=-0.01,
                    price_change_6h=-0.01,
                    price_change_24h=-0.04,
                    transactions_5m=3,
                    transactions_1h=122,
                    transactions_6h=990,
                    transactions_24h=9705,
                    buys_24h=4678,
                    sells_24h=5027,
                ),
            ),
        ),
    )


def test_a_token_on_the_quote_side_takes_the_quote_price_and_swaps_buys_and_sells() -> None:
    page = pairs("latest-dex-tokens_solana-usd1_2025-11-06")

    assert (len(page.readings), page.refused) == (21, {})
    assert the_reading(page, LPPP) == Reading(
        chain="solana",
        token_address=LPPP,
        observed_ms=AT,
        token_name="Larry Pink's Pool Party",
        token_ticker="LPPP",
        pools=(
            PoolReading(
                pool_address="DSaaUyx3YsX6ig3gw2QSAYzm9G76bt1nXcCgfvKsouB4",
                side="quote",
                protocol="meteora",
                created_ms=1760651852000,
                price=0.9913 / 6920.1956,
                liquidity=98,
                other_liquidity=49.0772804,
                volume_5m=0,
                volume_1h=0,
                volume_6h=0,
                volume_24h=1.93,
                transactions_5m=0,
                transactions_1h=0,
                transactions_6h=0,
                transactions_24h=7,
                buys_24h=5,
                sells_24h=2,
            ),
        ),
    )


def test_an_answer_about_one_token_is_shared_out_to_the_tokens_of_its_pools() -> None:
    page = pairs("latest-dex-tokens_solana-usd1_2025-11-05")
    mmga = the_reading(page, "87B6mb9KBjaF5NHrB3H33f7grdUHi4oWmMErjhZ5bonk")

    assert (len(page.readings), page.refused) == (19, {})
    assert sum(len(each.pools) for each in page.readings) == 30
    assert (mmga.token_name, mmga.token_ticker) == ("Make memes great again", "MMGA")
    assert mmga.pools == (
        PoolReading(
            pool_address="79ZkjcTkyY6Gt92v2yFv9BzR7ehWh2yXFpKSkPaSS24u",
            protocol="raydium",
            created_ms=1757949142000,
            price=0.001088,
            liquidity=138400.41,
            other_liquidity=69200.0,
            market_cap=1088588,
            fdv=1088588,
            volume_5m=0,
            volume_1h=592.78,
            volume_6h=21006.83,
            volume_24h=233243.83,
            price_change_1h=0.31,
            price_change_6h=-8.88,
            price_change_24h=55.98,
            transactions_5m=0,
            transactions_1h=3,
            transactions_6h=82,
            transactions_24h=802,
            buys_24h=418,
            sells_24h=384,
        ),
    )


def test_all_pools_of_one_token_come_from_token_pairs() -> None:
    page = pairs("token-pairs-v1_solana-usd1_2025-11-06")
    one = the_reading(page, "GMvCfcZg8YvkkQmwDaAzCtHDrrEtgE74nQpQ7xNabonk")
    (pool,) = one.pools

    assert (len(page.readings), page.refused) == (21, {})
    assert len(the_reading(page, USD1).pools) == 10
    assert (one.token_name, one.token_ticker) == ("1 coin can change your life", "1")
    assert (pool.side, pool.price, pool.liquidity) == ("base", 0.03139, 1022912.45)
    assert (pool.volume_24h, pool.buys_24h, pool.sells_24h) == (13385324.48, 17473, 15623)
    assert (pool.price_change_5m, pool.market_cap) == (-0.54, 31396005)


def test_a_search_spans_chains_and_lower_cases_evm_addresses_only() -> None:
    page = pairs("latest-dex-search_usd1_2025-11-06")
    ping = the_reading(page, "0xd85c31854c2b0fb40aaa9e2fc4da23c21f829d46")
    (pool,) = ping.pools

    assert {each.chain for each in page.readings} == {"base", "bsc", "ethereum", "solana"}
    assert (len(page.readings), page.refused) == (22, {})
    assert (ping.chain, ping.token_name, ping.token_ticker) == ("base", "Ping", "PING")
    assert pool.pool_address == "0x98c8f03094a9e65ccedc14c40130e4a5dd0ce14fb12ea58cbeac11f662b458b9"
    assert (pool.price, pool.liquidity, pool.volume_24h) == (0.02301, 2945045.64, 1308940.74)
    assert (pool.transactions_5m, pool.transactions_24h) == (15, 2157)


def test_of_two_quote_assets_the_base_is_the_token() -> None:
    page = pairs("latest-dex-pairs_ethereum-weth-usdc_2026-10-04")
    (weth,) = page.readings
    (pool,) = weth.pools

    assert weth.token_address == "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2"
    assert (pool.side, pool.price, pool.market_cap) == ("base", 2701.37, 5530815254)
    assert (pool.price_change_5m, pool.price_change_24h) == (None, 0.58)
    assert (pool.buys_24h, pool.sells_24h, pool.created_ms) == (6104, 6834, 1620250931000)


def test_the_old_schema_has_no_market_cap_and_fdv_never_stands_in_for_it() -> None:
    page = pairs("latest-dex-pairs_solana-wood_2023-12-04")
    (wood,) = page.readings
    (pool,) = wood.pools

    assert wood.token_address == "Ao3fKu6s2jH2vFHLWUchgf4mPWQ7G4FEttHa1xXv7Wio"
    assert (pool.market_cap, pool.fdv) == (None, 721)
    assert (pool.price, pool.liquidity, pool.volume_24h) == (9.108e-7, 254.49, 73.23)


def test_a_dead_bonding_curve_keeps_its_unknowns_unknown() -> None:
    page = pairs("tokens-v1_solana-rugged-dead-pairs_2026-10-08")
    whuf = the_pool(page, "BYT9FMpekWictHQpE5rd492PGZMg3bGE4qXYN9Gz7H17")
    rugged = the_pool(page, "A7cJ8yHXpkgPSGG31TAgvqjgx7AfrXNtsMZSZAxsYw3m")

    assert (len(page.readings), page.refused) == (11, {})
    assert whuf == PoolReading(
        pool_address="BYT9FMpekWictHQpE5rd492PGZMg3bGE4qXYN9Gz7H17",
        protocol="meteoradbc",
        created_ms=1791427894000,
        price=2.566e-15,
        volume_5m=0,
        volume_1h=0,
        volume_6h=0,
        volume_24h=0,
        transactions_5m=0,
        transactions_1h=0,
        transactions_6h=0,
        transactions_24h=1,
        buys_24h=1,
        sells_24h=0,
    )
    assert (rugged.liquidity, rugged.volume_24h) == (0, 64900928.79)


def test_boosts_name_tokens_each_once_and_their_promotion_alone() -> None:
    page = read_listed(recorded("dexscreener", "token-boosts-latest-v1_2025-11-06"), AT)

    assert (len(page.readings), page.refused, len(page.found)) == (25, {}, 25)
    assert {(each.boosts, each.price, each.pools) for each in page.readings[:2]} == {
        (10, UNSET, ())
    }
    assert page.found[:2] == (
        "solana:8xEdEh9JaqXyCftRXJNQD4UjTwvBuBbeatXFZSQW55VL",
        "solana:HuvERiQtHL4FRhHWD5h29RyspyPXZLPGz1v5D9aspump",
    )


def test_profiles_name_tokens_of_many_chains() -> None:
    page = read_listed(recorded("dexscreener", "token-profiles-latest-v1_2025-11-06"), AT)

    assert (page.refused, len(page.found)) == ({}, 30)
    assert page.found[0] == "base:0xaf2e4f3e10b8d06ececabbb7f8a7022c6eab7b07"
    assert "pulsechain:0x0e0a1a6e35f33fc4bbfc5df8083324101291da1b" in page.found


# -- what may come --------------------------------------------------------------------------------
@pytest.mark.parametrize("body", [b'{"schemaVersion":"1.0.0","pairs":null,"pair":null}', b"[]"])
def test_no_pairs_is_an_empty_page(body: bytes) -> None:
    assert read_pairs(body, AT) == ParsedBody()


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b'{"pairs":', b"5", b"null", b'"x"', b"[" * 100_000, b"\xff"]
)
def test_a_body_that_is_something_else_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedBody):
        read_pairs(body, AT)


def test_a_bad_record_is_refused_alone() -> None:
    body = msgspec.json.encode(
        [
            PAIR,
            {"chainId": "base"},
            "text",
            {**PAIR, "volume": [1]},
            {**PAIR, "chainId": "ba se"},
            {**PAIR, "pairAddress": "../x"},
            {**PAIR, "baseToken": {"address": None}},
        ]
    )

    page = read_pairs(body, AT)

    assert len(page.readings) == 1
    assert page.refused == {"shape": 2, "value_shape": 1, "chain": 1, "address": 2}


def test_invalid_utf8_spoils_its_value_only() -> None:
    good = msgspec.json.encode(PAIR)
    bad = good.replace(b'"Bee"', b'"B\xe9e"')

    page = read_pairs(b"[" + good + b"," + bad + b"]", AT)

    assert (len(page.readings), page.refused) == (1, {"value_text": 1})


@pytest.mark.parametrize("price", ["NaN", "1,000", "", "0", "-1", "1e999", "Infinity", None])
def test_a_price_that_cannot_be_believed_is_unknown(price: str | None) -> None:
    page = one_pair(priceUsd=price)

    assert page.readings[0].pools[0].price is None
    assert page.refused == {}


def test_figures_out_of_range_are_unknown() -> None:
    page = one_pair(
        volume={"h24": -1, "h6": 1e15, "h1": 10**400, "m5": "1e3"},
        liquidity={"usd": -0.0},
        priceChange={"h24": 1e15, "h1": -99.9},
        txns={"h24": {"buys": -1, "sells": 2}, "h1": {"buys": 1.5}},
        marketCap=True,
    )
    # A number of 400 digits is none, and a boolean neither.
    assert page.refused == {"value_number": 1, "value_shape": 1}

    pool = (
        one_pair(
            volume={"h24": -1, "h6": 1e15, "h1": 10**400, "m5": "1e3"},
            liquidity={"usd": -0.0},
            priceChange={"h24": 1e15, "h1": -99.9},
            txns={"h24": {"buys": -1, "sells": 2}, "h1": {"buys": 1.5}},
        )
        .readings[0]
        .pools[0]
    )
    assert (pool.volume_24h, pool.volume_6h, pool.volume_1h) == (None, None, None)
    assert (pool.volume_5m, str(pool.liquidity)) == (1000, "0.0")
    assert (pool.price_change_24h, pool.price_change_1h) == (None, -99.9)
    assert (pool.buys_24h, pool.sells_24h, pool.transactions_24h) == (None, 2, 2)
    assert pool.transactions_1h is None


def test_a_quote_side_without_a_native_price_has_no_price() -> None:
    swapped = {"baseToken": PAIR["quoteToken"], "quoteToken": PAIR["baseToken"]}

    assert one_pair(**swapped).readings[0].pools[0].price == 5
    assert one_pair(**swapped, priceNative="0").readings[0].pools[0].price is None
    assert one_pair(**swapped, priceNative=None).readings[0].pools[0].price is None


def test_a_quote_side_without_an_address_leaves_the_base_as_the_token() -> None:
    page = one_pair(quoteToken={"address": None, "name": None, "symbol": None})

    assert page.found == ("base:0xbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",)


def test_names_are_cut_to_128_characters_and_blank_ones_left_out() -> None:
    base = {**PAIR["baseToken"], "name": "é" * 200, "symbol": "  "}  # type: ignore[dict-item]  # one dict of many kinds

    reading = one_pair(baseToken=base).readings[0]

    assert (reading.token_name, reading.token_ticker) == ("é" * 128, msgspec.UNSET)


def test_a_pool_that_is_there_twice_counts_once_whatever_the_order() -> None:
    pools = [
        {**PAIR, "liquidity": {"usd": 10}, "priceUsd": "1"},
        {**PAIR, "liquidity": {"usd": 30}, "priceUsd": "3"},
        {**PAIR, "priceUsd": "2"},
    ]
    pages = []
    for seed in range(6):
        random.Random(seed).shuffle(pools)
        pages.append(read_pairs(msgspec.json.encode(pools), AT))

    assert all(page == pages[0] for page in pages)
    assert [pool.price for pool in pages[0].readings[0].pools] == [3]


def test_calls_name_chain_and_addresses() -> None:
    assert tokens_call("base", ["0xa", "0xb"]).path == "/tokens/v1/base/0xa,0xb"
    assert pools_call("sui", ["0x2::sui::SUI"]).path == "/token-pairs/v1/sui/0x2::sui::SUI"
    assert search_call("sol & pepe").query == (("q", "sol & pepe"),)


@pytest.mark.parametrize(
    ("listed", "reason"),
    [
        ({"chainId": "so lana", "tokenAddress": "x"}, "chain"),
        ({"chainId": "solana", "tokenAddress": "a/b"}, "address"),
        ({"chainId": "solana"}, "shape"),
    ],
)
def test_a_listed_token_without_usable_names_is_refused(
    listed: dict[str, str], reason: str
) -> None:
    body = msgspec.json.encode([listed, {"chainId": "solana", "tokenAddress": "good"}])

    assert read_listed(body, AT) == ParsedBody((), ("solana:good",), {reason: 1})


def test_what_one_of_a_tokens_records_says_is_not_lost_by_another_that_says_less() -> None:
    """A boost's record may be damaged, and a profile's has no boosts."""
    about = {"chainId": "solana", "tokenAddress": "good"}
    records = [{**about, "totalAmount": 50}, {**about, "cto": True}, {**about, "totalAmoun": 9}]

    for body in (records, records[::-1]):
        page = read_listed(msgspec.json.encode(body), AT)
        (reading,) = page.readings
        assert (reading.boosts, reading.detail) == (50, Detail(takeover=True))
        assert page.found == ("solana:good",)
