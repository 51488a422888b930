"""One canonical id per chain, whatever each source calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shared.chain_table import CHAINS
from shared.chains import canonical_chain, source_chain
from shared.sources import POLLED

RECORDED = Path(__file__).parents[2] / "services/replay/recorded/geckoterminal"
NETWORKS = json.loads((RECORDED / "networks_2025-11-07.json").read_text(encoding="utf-8"))["data"]


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("cro", "cronos"),
        ("xdai", "gnosischain"),
        ("glmr", "moonbeam"),
        ("movr", "moonriver"),
        ("one", "harmony"),
        ("starknet-alpha", "starknet"),
        ("eth", "ethereum"),
        ("avax", "avalanche"),
        ("polygon_pos", "polygon"),
        ("polygon-pos", "polygon"),
        ("sui-network", "sui"),
        ("the-open-network", "ton"),
        ("kai", "kardiachain"),
        ("iotx", "iotex"),
        ("ela", "elastos"),
        ("cfx", "conflux"),
        ("dfk", "avalanchedfk"),
        ("arbitrum_nova", "arbitrumnova"),
        ("polygon-zkevm", "polygonzkevm"),
        ("optimistic-ethereum", "optimism"),
        ("hedera-hashgraph", "hedera"),
        ("sei-network", "sei"),
        ("sei-evm", "seiv2"),
        ("x-layer", "xlayer"),
        ("world-chain", "worldchain"),
        ("Solana", "solana"),
        ("a-chain-of-next-year", "a-chain-of-next-year"),
        ("a b", None),
        ("", None),
        ("a:b", None),
    ],
)
def test_every_name_of_a_chain_is_its_canonical_id(written: str, canonical: str | None) -> None:
    assert canonical_chain(written) == canonical


@pytest.mark.parametrize("network", [each["id"] for each in NETWORKS])
def test_each_recorded_network_is_requested_under_its_own_name(network: str) -> None:
    chain = canonical_chain(network)

    assert chain in CHAINS
    assert source_chain("geckoterminal", chain) == network


def test_a_chain_has_coingeckos_name_too() -> None:
    platforms = {each["id"]: each["attributes"]["coingecko_asset_platform_id"] for each in NETWORKS}
    named = {network: name for network, name in platforms.items() if name and " " not in name}

    assert {network: canonical_chain(name) for network, name in named.items()} == {
        network: canonical_chain(network) for network in named
    }


def test_no_name_stands_for_two_chains() -> None:
    names: dict[str, set[str]] = {}
    for chain, facts in CHAINS.items():
        called = [each.chain_names.get(chain, chain) for each in POLLED.values()]
        for name in (chain, *facts.names, *called):
            names.setdefault(name, set()).add(chain)

    assert {name: chains for name, chains in names.items() if len(chains) > 1} == {}


def test_a_chain_that_no_table_knows_keeps_its_name() -> None:
    assert source_chain("geckoterminal", "next-chain") == "next-chain"
