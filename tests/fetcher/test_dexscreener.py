from __future__ import annotations

import msgspec
import pytest

from services.fetcher.sources.dexscreener import read_listed, read_pairs
from services.fetcher.source import Page
from shared.errors import Malformed
from shared.model import UNSET, PoolReading, Reading
from tests.fetcher.recorded import recorded

AT = 1_700_000_000_000
SOL = "So11111111111111111111111111111111111111112"
USD1 = "USD1ttGY1N17NEEHLmELoaybftRBUSErhqYiQzvEmuB"


def pairs(name: str) -> Page:
    return read_pairs(recorded("dexscreener", name), AT)


def reading(page: Page, address: str) -> Reading:
    (found,) = [each for each in page.readings if each.token_address == address]
    return found


def test_a_batch_of_one_token_gives_its_one_pool() -> None:
    page = pairs("tokens-v1_solana-usd1_2025-11-06")

    assert page.refused == {}
    assert page.found == (f"solana:{USD1}",)
    assert page.readings == (
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
