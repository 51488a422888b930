"""Bodies on which other systems took one chain, token or name for another (tests/cases)."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from msgspec import UNSET

from services.fetcher.sources import dexscreener, geckoterminal
from shared.merge.names import shown
from shared.model import Reading

CASES = Path(__file__).parents[1] / "cases"
NOW = 1_700_000_000_000


def from_dexscreener(case: str, file: str = "body.json") -> tuple[Reading, ...]:
    page = dexscreener.read_pairs((CASES / case / file).read_bytes(), NOW)
    assert not page.refused
    return page.readings


def from_geckoterminal(case: str, file: str = "body.json") -> tuple[Reading, ...]:
    page = geckoterminal.read_page((CASES / case / file).read_bytes(), NOW)
    assert not page.refused
    return page.readings


def test_both_sources_name_a_chain_alike() -> None:
    (ours,) = from_dexscreener("h3-26-network-names", "dexscreener.json")
    (theirs,) = from_geckoterminal("h3-26-network-names", "geckoterminal.json")

    assert (ours.chain, ours.token_address) == (theirs.chain, theirs.token_address)
    assert ours.chain == "cronos"


def test_wrapped_ether_on_optimism_is_what_the_token_is_priced_in() -> None:
    (reading,) = from_dexscreener("h3-27-quote-assets-other-chains")

    assert reading.token_address == "0x0000000000000000000000000000000000000011"
    assert reading.token_ticker == "TOKEN"
    assert [(pool.side, pool.price) for pool in reading.pools] == [("quote", 1.5)]


def test_ton_addresses_that_end_in_a_dash_are_listed() -> None:
    (reading,) = from_dexscreener("h3-21-ton-trailing-dash")

    assert reading.token_address == "EQB22222222222222222222222222222222222222222222-"
    assert reading.token_ticker == "TDASH"
    (pool,) = reading.pools
    assert pool.pool_address == "EQA11111111111111111111111111111111111111111111_"
    assert (pool.side, pool.price) == ("base", 0.2)


def test_cosmos_denominations_are_listed() -> None:
    (reading,) = from_dexscreener("h3-22-cosmos-denom-slash")

    assert reading.token_address == "factory/osmo1xyz/alloyed/allTOK"
    assert [(pool.side, pool.price) for pool in reading.pools] == [("base", 0.2)]


def test_two_spellings_of_a_sui_address_are_one_row() -> None:
    (reading,) = from_dexscreener("h3-24-sui-padded-address")

    assert reading.token_address == f"0x0abc{'1' * 60}::coin::COIN"
    assert len(reading.pools) == 2


@pytest.mark.parametrize(
    ("chain", "first", "second", "canonical"),
    [
        (
            "ton",
            "UQCxE6mUtQJKFnGfaROTKOt1lZbDiiX1kCixRv7Nw2Id_p0p",
            "0:b113a994b5024a16719f69139328eb759596c38a25f59028b146fecdc3621dfe",
            "EQCxE6mUtQJKFnGfaROTKOt1lZbDiiX1kCixRv7Nw2Id_sDs",
        ),
        ("aptos", "0x0A", "0xa", "0xa"),
        ("starknet", "0x1" + "2" * 62, "0x01" + "2" * 62, "0x01" + "2" * 62),
        ("osmosis", "ibc/" + "ab" * 32, "IBC/" + "AB" * 32, "ibc/" + "AB" * 32),
        ("linea", "0x" + "AB" * 20, "0x" + "ab" * 20, "0x" + "ab" * 20),
    ],
)
def test_two_spellings_of_an_address_are_one_row(
    chain: str, first: str, second: str, canonical: str
) -> None:
    body = msgspec.json.encode(
        [
            {"chainId": chain, "pairAddress": f"P{n}", "baseToken": {"address": written}}
            for n, written in enumerate((first, second))
        ]
    )

    (reading,) = dexscreener.read_pairs(body, NOW).readings

    assert reading.token_address == canonical
    assert [pool.pool_address for pool in reading.pools] == ["P0", "P1"]


def test_addresses_are_encoded_in_requests() -> None:
    denomination, generic = "ibc/" + "AB" * 32, "0x2::lp::LP<0x2::a::A,0x2::b::B>"

    assert dexscreener.tokens_call("osmosis", [denomination, "uosmo"]).path == (
        f"/tokens/v1/osmosis/ibc%2F{'AB' * 32},uosmo"
    )
    assert geckoterminal.tokens_call("sui", [generic]).path == (
        "/networks/sui-network/tokens/multi/0x2::lp::LP%3C0x2::a::A%2C0x2::b::B%3E"
    )


def test_geckoterminals_entities_are_text() -> None:
    (reading,) = from_geckoterminal("h3-31-html-entities-gecko")

    assert (reading.token_name, reading.token_ticker) == ("Procter & Gamble's", "P&G")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("A &lt;b&gt; &quot;C&quot;", 'A <b> "C"'),
        ("&#x1F600; &apos;", "😀 '"),
        ("&amp;amp;", "&amp;"),  # once
        ("&nothing;", "&nothing;"),
        ("AT&T &copy R&D; &nosuch;", "AT&T &copy R&D; &nosuch;"),
        ("&", "&"),
    ],
)
def test_an_entity_is_unescaped_once(written: str, meant: str) -> None:
    assert geckoterminal_token(written).token_name == meant


def geckoterminal_token(name: str) -> Reading:
    body = {
        "data": {
            "id": "eth_0x00",
            "type": "token",
            "attributes": {"address": "0x00", "name": name, "symbol": "S"},
        }
    }
    (reading,) = geckoterminal.read_page(msgspec.json.encode(body), NOW).readings
    return reading


def test_another_sources_entities_are_what_somebody_called_a_token() -> None:
    pair = {
        "chainId": "solana",
        "pairAddress": "P",
        "baseToken": {"address": "T", "name": "P&amp;G", "symbol": "&lt;"},
    }

    (reading,) = dexscreener.read_pairs(msgspec.json.encode([pair]), NOW).readings

    assert (reading.token_name, reading.token_ticker) == ("P&amp;G", "&lt;")


@pytest.mark.parametrize(
    ("pool", "base", "quote", "ticker"),
    [
        ("P&amp;G / WETH 1%", "0x11", "0x22", "P&G"),
        ("ezETH-WETH-BPT / ezETH / WETH 0.04%", "0xff", "0x22", "ezETH-WETH-BPT"),
        ("TRI / CRYPTO / WETH", "0x11", "0x22", "TRI"),
        ("WETH / CRYPTO / TRI", "WETH", "0x22", "CRYPTO"),
        ("WETH / TOKEN 0.3%", "WETH", "0x22", "TOKEN"),
        ("A / B / C / D", "0x11", "0x22", "A"),
        ("rsETH / WETH / rsETH / WETH 0.01%", "0xff", "0x22", None),  # its own symbol has one
        ("only", "0x11", "0x22", None),
    ],
)
def test_a_pools_name_has_the_ticker_of_each_side(
    pool: str, base: str, quote: str, ticker: str | None
) -> None:
    weth = "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2"
    tokens = {"base": weth if base == "WETH" else base, "quote": quote}
    record = {
        "id": "eth_0xff",
        "type": "pool",
        "attributes": {"address": "0xff", "name": pool},
        "relationships": {
            f"{side}_token": {"data": {"id": f"eth_{address}"}} for side, address in tokens.items()
        },
    }

    body = msgspec.json.encode({"data": [record]})
    (reading,) = geckoterminal.read_page(body, NOW).readings

    assert reading.token_ticker == (UNSET if ticker is None else ticker)


def test_emoji_and_persian_keep_their_joiners() -> None:
    (reading,) = from_dexscreener("h3-36-zwj-in-names")

    name, ticker = str(reading.token_name), str(reading.token_ticker)
    assert shown("token_name", name) == name == "Family 👨‍👩‍👧 🏳️‍🌈 می‌رود"
    assert shown("token_ticker", ticker) == ticker == "👨‍👩‍👧"


def new_chain(*pools: tuple[str, str]) -> dict[str, tuple[str, ...]]:
    """Return the pools per token of a body of both sources; they must agree."""
    pairs = [
        {"chainId": "nova", "pairAddress": f"P{n}"}
        | {"baseToken": {"address": base}, "quoteToken": {"address": quote}}
        for n, (base, quote) in enumerate(pools)
    ]
    records = [
        {"id": f"nova_P{n}", "type": "pool", "attributes": {"address": f"P{n}"}}
        | {
            "relationships": {
                "base_token": {"data": {"id": f"nova_{base}"}},
                "quote_token": {"data": {"id": f"nova_{quote}"}},
            }
        }
        for n, (base, quote) in enumerate(pools)
    ]
    ours = dexscreener.read_pairs(msgspec.json.encode(pairs), NOW).readings
    theirs = geckoterminal.read_page(msgspec.json.encode({"data": records}), NOW).readings
    assert ours == theirs
    return {r.token_address: tuple(pool.pool_address for pool in r.pools) for r in ours}


def test_on_a_chain_without_a_table_the_quote_of_many_pools_is_the_quote() -> None:
    pools = (("W", "D"), ("A", "W"), ("B", "W"), ("C", "W"), ("A", "U"))

    assert new_chain(*pools) == {"D": ("P0",), "A": ("P1", "P4"), "B": ("P2",), "C": ("P3",)}
    assert new_chain(*pools[:3]) == {"W": ("P0",), "A": ("P1",), "B": ("P2",)}
