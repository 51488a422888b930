"""What others are priced in, on every chain that the recordings and the networks list name."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.chain_table import CHAINS
from shared.quotes import NATIVE, is_quote_asset, is_unknown_asset, often_quoted, subject_side

TOKEN = "0x00000000000000000000000000000000000000aa"
ZERO = "0x0000000000000000000000000000000000000000"
ETHER = "0xeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"


@pytest.mark.parametrize(
    ("chain", "asset"),
    [
        ("optimism", "0x4200000000000000000000000000000000000006"),  # WETH
        ("optimism", "0x0b2c639c533813f4aa9d7837caf62653d097ff85"),  # USDC
        ("arbitrum", ZERO),
        ("linea", "0xe5d7c2a44ffddf6b295a15c148167daaaf5cf34f"),  # WETH
        ("avalanche", "0xa7d7079b0fead91f3e65f86e8915cb59c1a4c664"),  # USDC.e
        ("avalanche", ZERO),
        ("ethereum", ETHER),
        ("base", ETHER),
        ("sui", "0xdba34672e30cb065b1f93e3ab55318768fd6fef66c15942c9f7cb846e2f900e7::usdc::USDC"),
        ("ton", "EQCxE6mUtQJKFnGfaROTKOt1lZbDiiX1kCixRv7Nw2Id_sDs"),  # USDT
        ("tron", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"),  # USDT
        ("cronos", "0x5c7f8a570d578ed84e63fdfa7b1ee72deae1ae23"),  # WCRO
        ("gnosischain", "0xe91d153e0b41518a2ce8dd3d7944fa863463a97d"),  # WXDAI
        ("celo", "0x471ece3750da237f93b8e339c536989b8978a438"),  # CELO itself
        ("metis", "0xdeaddeaddeaddeaddeaddeaddeaddeaddead0000"),  # METIS itself
        ("aptos", "0xa"),  # APT as a fungible asset
        ("zora", "0x4200000000000000000000000000000000000006"),  # WETH
        ("berachain", "0xfcbd14dc51f0a4d49d5e53c2e0950e0bc26d0dce"),  # HONEY
        ("bsc", "0x7130d2a12b9bcbfae4f2634d864a1ee1ce3ead9c"),  # BTCB
        ("a-chain-of-next-year", ZERO),
    ],
)
def test_the_other_side_of_a_quote_asset_is_the_token(chain: str, asset: str) -> None:
    assert is_quote_asset(chain, asset)
    assert subject_side(chain, asset, TOKEN) == "quote"
    assert subject_side(chain, TOKEN, asset) == "base"


def test_a_token_in_which_others_are_quoted_is_listed_and_trades_against_it_count() -> None:
    virtual = "0x0b3e328455c4059eeb9e3f84b5543f74e24e7e1b"
    assert not is_quote_asset("base", virtual)
    assert [is_unknown_asset("base", each) for each in (virtual, TOKEN)] == [False, True]


def test_a_quote_asset_of_one_chain_is_a_token_of_another() -> None:
    assert not is_quote_asset("ethereum", "0x4200000000000000000000000000000000000006")


@pytest.mark.parametrize(
    ("chain", "native"),
    [
        ("solana", ("SOL", "So11111111111111111111111111111111111111112")),
        ("ethereum", ("ETH", "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2")),
        ("bsc", ("BNB", "0xbb4cdb9cbd36b01bd1cbaebf2de08d9173bc095c")),
        ("optimism", ("ETH", "0x4200000000000000000000000000000000000006")),
        ("findora", None),
    ],
)
def test_a_chain_names_its_own_coin(chain: str, native: tuple[str, str] | None) -> None:
    assert NATIVE.get(chain) == native


def test_every_entry_says_where_it_is_listed() -> None:
    letters = {each.listed for chain in CHAINS.values() for each in (*chain.quotes, *chain.priced)}

    assert [each for each in letters if not re.fullmatch("[LURP]+", each)] == []


def test_every_wrapped_coin_is_an_entry_of_its_chain() -> None:
    broken = [name for name, chain in CHAINS.items() if chain.wrapped and not NATIVE[name].wrapped]

    assert broken == []


def test_no_address_is_there_twice() -> None:
    for chain in CHAINS.values():
        addresses = [each.address for each in (*chain.quotes, *chain.priced)]
        assert sorted(addresses) == sorted(set(addresses))


NEW = "a-chain-of-next-year"
LIST = [(NEW, "A", "W"), (NEW, "B", "W"), (NEW, "C", "W"), (NEW, "W", "D"), (NEW, "W", "U")]


@given(st.permutations([*LIST, *LIST[:2]]))
def test_on_a_new_chain_the_side_of_many_pools_is_the_quote(
    body: list[tuple[str, str, str]],
) -> None:
    often = often_quoted(body)

    assert often == {(NEW, "W")}
    assert subject_side(NEW, "W", "D", often) == "quote"
    assert subject_side(NEW, "A", "W", often) == "base"


@pytest.mark.parametrize(
    "body",
    [
        [(NEW, "A", "W"), (NEW, "B", "W"), (NEW, "W", "D")],  # two are not many
        [(NEW, "A", "W")] * 9,  # many pools of one token
        [(NEW, "T", quote) for quote in "WUVXYZ"] + [(NEW, base, "T") for base in "ABC"],
        [("solana", base, "W") for base in "ABCD"],  # the table charts this chain
    ],
)
def test_a_token_is_not_taken_for_a_quote_asset(body: list[tuple[str, str, str]]) -> None:
    assert often_quoted(body) == frozenset()


def test_two_quote_assets_of_a_new_chain_are_of_the_base() -> None:
    often = {(NEW, "W"), (NEW, "U")}

    assert subject_side(NEW, "W", "U", often) == "base"
    assert subject_side(NEW, "U", "W", often) == "base"
