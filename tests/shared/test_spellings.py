"""One spelling per address, by the family of its chain."""

from __future__ import annotations

import pytest

from shared.chain_table import CHAINS
from shared.spellings import canonical_address, spellings

PAD = "0" * 59


@pytest.mark.parametrize(
    ("chain", "written", "canonical"),
    [
        # EVM: checksummed, as typed, and in the composite names of some pools
        (
            "ethereum",
            "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2",
            "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2",
        ),
        ("base", "0X" + "AB" * 20, "0x" + "ab" * 20),
        ("ethereum", "0x" + "Cd" * 32, "0x" + "cd" * 32),
        ("a-new-chain", "0x" + "AB" * 20, "0x" + "ab" * 20),
        ("flowevm", f"0x{'0A' * 20}-0x{'0B' * 20}", f"0x{'0a' * 20}-0x{'0b' * 20}"),
        # base58 is case-sensitive
        (
            "solana",
            "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v",
            "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v",
        ),
        # TON: raw, bounceable, not bounceable, both base64 alphabets, the masterchain
        (
            "ton",
            "0:b113a994b5024a16719f69139328eb759596c38a25f59028b146fecdc3621dfe",
            "EQCxE6mUtQJKFnGfaROTKOt1lZbDiiX1kCixRv7Nw2Id_sDs",
        ),
        (
            "ton",
            "UQCxE6mUtQJKFnGfaROTKOt1lZbDiiX1kCixRv7Nw2Id_p0p",
            "EQCxE6mUtQJKFnGfaROTKOt1lZbDiiX1kCixRv7Nw2Id_sDs",
        ),
        (
            "ton",
            "EQCxE6mUtQJKFnGfaROTKOt1lZbDiiX1kCixRv7Nw2Id/sDs",
            "EQCxE6mUtQJKFnGfaROTKOt1lZbDiiX1kCixRv7Nw2Id_sDs",
        ),
        (
            "ton",
            "-1:" + "33" * 32,
            "Ef8zMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzM0vF",
        ),
        # TON with a checksum that is wrong: what a source sends is listed all the same
        (
            "ton",
            "EQB22222222222222222222222222222222222222222222-",
            "EQB22222222222222222222222222222222222222222222-",
        ),
        (
            "ton",
            "EQA11111111111111111111111111111111111111111111_",
            "EQA11111111111111111111111111111111111111111111_",
        ),
        # Move: leading zeros, mixed case, generics; small addresses are short
        ("sui", "0x2::sui::SUI", "0x2::sui::SUI"),
        ("sui", "0x" + "0" * 63 + "2::sui::SUI", "0x2::sui::SUI"),
        ("sui", "0xAbC01::coin::COIN", f"0x{PAD}abc01::coin::COIN"),
        ("sui", f"0x{PAD}abc01::coin::COIN", f"0x{PAD}abc01::coin::COIN"),
        (
            "sui",
            "0xabc01::lp::LP<0x2::sui::SUI, 0x000Def02::a::B>",
            f"0x{PAD}abc01::lp::LP<0x2::sui::SUI,0x{PAD}def02::a::B>",
        ),
        ("sui", "0" * 63 + "2::sui::SUI", "0x2::sui::SUI"),
        ("aptos", "0x0a", "0xa"),
        ("sui", "2::sui::SUI", "0x2::sui::SUI"),  # as a Move program prints types
        ("sui", PAD + "ABC01", f"0x{PAD}abc01"),
        ("movement", "0x" + "0" * 63 + "a", "0xa"),
        ("starknet", "4" + "Ab" * 31, "0x04" + "ab" * 31),
        ("aptos", "0x" + "AB" * 31, "0x00" + "ab" * 31),
        ("aptos", f"0xA-0x{'CD' * 32}", f"0xa-0x{'cd' * 32}"),
        # Starknet: leading zeros
        ("starknet", "0x49D36" + "7" * 58, "0x049d36" + "7" * 58),
        ("starknet", "0x049d36" + "7" * 58, "0x049d36" + "7" * 58),
        (
            "starknet",
            "0x033068F6-0x03fe2b-170141183460469235273462165868118016-1000-0x0",
            "0x033068f6-0x03fe2b-170141183460469235273462165868118016-1000-0x0",
        ),
        # Tron: base58check, or the same bytes in hex
        ("tron", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"),
        (
            "tron",
            "41a614f803b6fd780986a42c78ec9c7f77e6ded13c",
            "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t",
        ),
        (
            "tron",
            "0xA614F803B6FD780986A42C78EC9C7F77E6DED13C",
            "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t",
        ),
        # Cosmos: denominations with slashes; the hash of an IBC one is in upper case
        ("osmosis", "ibc/" + "aB" * 32, "ibc/" + "AB" * 32),
        (
            "osmosis",
            "factory/osmo1xyz/alloyed/allTOK",
            "factory/osmo1xyz/alloyed/allTOK",
        ),
        ("osmosis", "uosmo", "uosmo"),
        ("injective", "peggy0xdAC17F95", "peggy0xdAC17F95"),
        ("hedera", "0.0.456858", "0x000000000000000000000000000000000006f89a"),
        ("near", "token.paras.near", "token.paras.near"),
        ("stacks", "SP1Z.token-wstx::wstx", "SP1Z.token-wstx::wstx"),
    ],
)
def test_every_spelling_of_an_address_is_one(chain: str, written: str, canonical: str) -> None:
    assert canonical_address(chain, written) == canonical
    assert canonical_address(chain, canonical) == canonical
    assert canonical in spellings(written)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "-a",
        "_a",
        "a b",
        "a?",
        "a%2Fb",
        "a/../b",
        "../a",
        "a//b",
        "a/",
        "a:",
        "<b>",
        "a<b>",
        "0x2::sui::SUI<script>alert(1)</script>",
        "a\n",
        "ä",
        "a" * 257,
    ],
)
@pytest.mark.parametrize("chain", ["solana", "ethereum", "ton", "sui", "osmosis", "a-new-chain"])
def test_what_cannot_be_an_address_is_none(chain: str, written: str) -> None:
    assert canonical_address(chain, written) is None


@pytest.mark.parametrize("chain", ["solana", "ethereum", "ton", "sui", "tron"])
def test_only_chains_with_denominations_have_slashes(chain: str) -> None:
    assert canonical_address(chain, "factory/who/TOK") is None
    assert canonical_address("osmosis", "factory/who/TOK") == "factory/who/TOK"
    assert canonical_address("a-new-chain", "factory/who/TOK") == "factory/who/TOK"


def test_a_pool_of_three_padded_addresses_fits() -> None:
    pool = "-".join(["0x" + "ab" * 32] * 3)

    assert canonical_address("aptos", pool) == pool


def test_an_address_whose_padded_form_is_too_long_is_none() -> None:
    written = "0x10::a::B<0x11::c::D,0x12::e::F,0x13::g::H>"

    assert canonical_address("sui", written) is None


def test_the_table_of_quote_assets_is_in_canonical_form() -> None:
    odd = {
        each.address: canonical_address(name, each.address)
        for name, chain in CHAINS.items()
        for each in chain.quotes
        if canonical_address(name, each.address) != each.address
    }

    assert odd == {}
