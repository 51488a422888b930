"""Bodies on which other systems took one chain, token or name for another (tests/cases)."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from services.fetcher.sources import dexscreener, geckoterminal
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


def test_addresses_are_encoded_in_what_is_asked() -> None:
    denomination, generic = "ibc/" + "AB" * 32, "0x2::lp::LP<0x2::a::A,0x2::b::B>"

    assert dexscreener.ask_tokens("osmosis", [denomination, "uosmo"]).path == (
        f"/tokens/v1/osmosis/ibc%2F{'AB' * 32},uosmo"
    )
    assert geckoterminal.ask_tokens("sui", [generic]).path == (
        "/networks/sui-network/tokens/multi/0x2::lp::LP%3C0x2::a::A%2C0x2::b::B%3E"
    )
