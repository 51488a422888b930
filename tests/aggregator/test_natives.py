"""Prices of the chains' own coins: kept beside the tokens, committed, never listed."""

from __future__ import annotations

import pytest

from services.aggregator.natives import Natives
from services.aggregator.noise import NoiseFloors
from shared.merge.policy import MergeRules
from shared.model import Reading
from shared.state.messages import NativePrice, change_natives, decode_natives, encode_natives

SOL = "So11111111111111111111111111111111111111112"
USDC = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"
NOW_MS = 1_790_000_000_000


def heard(*claims: tuple[str, float, int], address: str = SOL) -> Natives:
    """What was reported by (source, price, seconds ago)."""
    natives = Natives()
    for source, price, ago_s in claims:
        observed_ms = NOW_MS - ago_s * 1000
        natives.add(
            source,
            Reading(chain="solana", token_address=address, observed_ms=observed_ms, price=price),
        )
    return natives


def changes(
    natives: Natives, committed: dict[str, NativePrice] | None = None
) -> dict[str, NativePrice | None]:
    return natives.changes(committed or {}, NOW_MS, MergeRules(), NoiseFloors())


@pytest.mark.parametrize(
    ("claims", "price"),
    [
        ([("jupiter", 150.0, 1)], 150.0),
        ([("jupiter", 150.0, 1), ("dexscreener", 151.0, 1)], 150.5),
        # One that is far off does not outvote two that agree.
        ([("jupiter", 150.0, 1), ("dexscreener", 151.0, 1), ("geckoterminal", 9.0, 1)], 150.0),
        ([("jupiter", 150.0, 121), ("dexscreener", 151.0, 1)], 151.0),
        ([("jupiter", 150.0, 130), ("dexscreener", 151.0, 140)], 150.0),
        ([("jupiter", 150.0, 1), ("jupiter", 149.0, 5)], 150.0),
    ],
)
def test_the_price_is_the_median_of_what_is_fresh(
    claims: list[tuple[str, float, int]], price: float
) -> None:
    changed = changes(heard(*claims))["solana"]

    assert changed is not None
    assert changed.price == price


@pytest.mark.parametrize(
    "natives",
    [
        heard(("ingest:bot", 150.0, 1)),
        heard(("jupiter", 1.0, 1), address=USDC),
        heard(("jupiter", 0.0, 1)),
        heard(("jupiter", 150.0, 601)),
        Natives(),
    ],
)
def test_others_have_no_say(natives: Natives) -> None:
    assert changes(natives) == {}


def test_a_change_below_the_noise_floor_is_not_committed() -> None:
    committed = {"solana": NativePrice(150.0, NOW_MS - 5_000)}

    assert changes(heard(("jupiter", 150.01, 1)), committed) == {}
    assert changes(heard(("jupiter", 150.02, 1)), committed) == {
        "solana": NativePrice(150.02, NOW_MS - 1_000)
    }


def test_what_nobody_has_seen_for_long_becomes_unknown() -> None:
    young, old = NativePrice(150.0, NOW_MS - 590_000), NativePrice(150.0, NOW_MS - 600_000)

    assert changes(Natives(), {"solana": young}) == {}
    assert changes(Natives(), {"solana": old}) == {"solana": None}


def test_stored_prices_are_read_as_they_were_written() -> None:
    prices = change_natives({"bsc": NativePrice(600.0, 1)}, {"solana": NativePrice(150.0, 2)})

    assert decode_natives(encode_natives(prices)) == prices
    assert change_natives(prices, {"bsc": None}) == {"solana": NativePrice(150.0, 2)}
    assert decode_natives(b"nonsense") == decode_natives(None) == decode_natives(b"") == {}
