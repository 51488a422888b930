"""Bodies on which other systems took one chain, token or name for another (tests/cases)."""

from __future__ import annotations

from pathlib import Path

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
