"""Every recorded Jupiter body, read as the fetcher reads it."""

from __future__ import annotations

import msgspec
import pytest
from msgspec import UNSET
from msgspec.structs import replace

from services.fetcher.source import ParsedBody
from services.fetcher.sources.jupiter import prices_call, read_prices, read_tokens, tokens_call
from shared.errors import MalformedBody
from shared.model import Detail, Links, Reading
from tests.testkit.recordings import figures, recorded, the_reading

AT = 1_700_000_000_000
JUP = "JUPyiwrYJFskUPiHa7hkeR8VUtAeFoSYbKedZNsDvCN"
SOL = "So11111111111111111111111111111111111111112"


def one_token(**given: object) -> Reading:
    (reading,) = read_tokens(msgspec.json.encode([{"id": JUP, **given}]), AT).readings
    return reading


# -- the recordings -------------------------------------------------------------------------------
ONE_TOKEN = "tokens-v2-search_one_docs_2026-03-24"


def test_the_figures_of_a_token_are_read_whole() -> None:
    page = read_tokens(recorded("jupiter", ONE_TOKEN), AT)

    assert page.refused == {}
    assert page.found == (f"solana:{JUP}",)
    assert tuple(map(figures, page.readings)) == (
        Reading(
            chain="solana",
            token_address=JUP,
            observed_ms=AT,
            token_name="Jupiter",
            token_ticker="JUP",
            created_ms=1706549609000,
            price=0.18872953577666163,
            market_cap=612218098.1926562,
            fdv=1295436289.723886,
            liquidity=3254134.0851675714,
            volume_5m=2270.977598883256 + 2478.787204926521,
            volume_1h=202057.32343858018 + 130910.04513282242,
            volume_6h=891754.7845159877 + 784178.1759400497,
            volume_24h=4387366.5045432765 + 3863094.110430575,
            price_change_5m=0.0691969260910124,
            price_change_1h=0.8963569095373793,
            price_change_6h=0.806881917998056,
            price_change_24h=-1.8984104107182198,
            price_change_7d=-10.154560928102246,
            transactions_5m=215,
            transactions_1h=5534,
            transactions_6h=30284,
            transactions_24h=113297,
            buys_24h=57708,
            sells_24h=55589,
            holders=863626,
        ),
    )


def test_the_signals_of_a_token_are_read_whole() -> None:
    (reading,) = read_tokens(recorded("jupiter", ONE_TOKEN), AT).readings

    assert reading == replace(
        figures(reading),
        mint_revoked=True,
        freeze_revoked=True,
        top_holders_pct=15.598836011643503,
        dev_mints=1,
        organic_score=93.70008826827798,
        verified=True,
        traders_5m=90,
        traders_1h=532,
        traders_6h=2137,
        traders_24h=6871,
        net_buyers_5m=10,
        net_buyers_1h=84,
        net_buyers_6h=364,
        net_buyers_24h=1254,
        buy_volume_5m=2270.977598883256,
        buy_volume_1h=202057.32343858018,
        buy_volume_6h=891754.7845159877,
        buy_volume_24h=4387366.5045432765,
        sell_volume_5m=2478.787204926521,
        sell_volume_1h=130910.04513282242,
        sell_volume_6h=784178.1759400497,
        sell_volume_24h=3863094.110430575,
        organic_volume_5m=28.559384829973588 + 1096.398129121432,
        organic_volume_1h=1960.702323688371 + 4982.587060762151,
        organic_volume_6h=24167.93357749837 + 76699.82817775776,
        organic_volume_24h=209341.30678184459 + 460153.90469366894,
        links=Links(website="https://jup.ag", x="https://twitter.com/JupiterExchange"),
        image="https://static.jup.ag/jup/icon.png",
        suspicious=None,
        detail=Detail(
            tags="birdeye-trending, community, moonshot-verified, strict, verified",
            holders_change_5m=-0.004978759223730387,
            holders_change_1h=-0.006946969153141303,
            holders_change_6h=-0.012156562633505107,
            holders_change_24h=-0.03622940971526925,
            organic_buyers_5m=5,
            organic_buyers_1h=28,
            organic_buyers_6h=80,
            organic_buyers_24h=297,
        ),
    )


def test_a_capture_without_the_weekly_change_says_nothing_of_it() -> None:
    page = read_tokens(recorded("jupiter", "tokens-v2-search_bonk-wif-popcat_2026-09-18"), AT)
    bonk = the_reading(page, "DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263")

    assert (len(page.readings), page.refused) == (3, {})
    assert (bonk.token_name, bonk.token_ticker) == ("Bonk", "Bonk")
    assert (bonk.price, bonk.market_cap) == (2.949382133024654e-06, 259529284.8127964)
    assert bonk.volume_24h == 11020361.255785946 + 11065967.169603977
    assert (bonk.transactions_24h, bonk.holders) == (404538, 1021173)
    assert bonk.created_ms == 1683824950000
    assert (bonk.price_change_7d, bonk.protocol, bonk.pools) == (UNSET, UNSET, ())


@pytest.mark.parametrize(
    ("mint", "top", "dev", "mints", "score", "traders", "net", "bought", "organic", "image"),
    [
        (
            "DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263",
            *(31.004354772321776, 1.6601257169676964e-07, 10, 96.61697059689944),
            *(23122, 2942, 11020361.255785946, 521107.1331618554 + 453378.4360961315),
            "https://arweave.net/hQiPZOsRZXGXBJd_82PhVdlM_hACsT_q6wqwf5cSY7I",
        ),
        (
            "EKpQGSJtjMFqKZ9KQanSqYXRcF8fBopzLHYxdM65zcjm",
            *(31.933967524837612, 3.820138874053095e-06, 15, 88.96851436546558),
            *(7070, 810, 2150928.2855071374, 182095.53600974195 + 176572.85283834644),
            "https://bafkreibk3covs5ltyqxa272uodhculbr6kea6betidfwy3ajsav2vjzyum.ipfs.nftstorage.link",
        ),
        (
            "7GCihgDB8fe6KNjn2MYtkzZcRjQy3t9GHdC8uHYmW2hr",
            *(39.88255533051049, UNSET, 5, 80.31931392431387),
            *(1663, 175, 322280.58616325364, 57250.42847299739 + 75380.51895422753),
            "https://arweave.net/A1etRNMKxhlNGTf-gNBtJ75QJJ4NJtbKh_UXQTlLXzI",
        ),
    ],
)
def test_a_capture_has_the_signals_of_each_token(
    mint: str, top: float, dev: object, mints: int, score: float,
    traders: int, net: int, bought: float, organic: float, image: str,
) -> None:  # fmt: skip
    page = read_tokens(recorded("jupiter", "tokens-v2-search_bonk-wif-popcat_2026-09-18"), AT)
    (found,) = [each for each in page.readings if each.token_address == mint]

    assert (found.top_holders_pct, found.dev_pct, found.dev_mints) == (top, dev, mints)
    assert (found.mint_revoked, found.freeze_revoked, found.verified) == (True, True, True)
    assert (found.suspicious, found.organic_score) == (None, score)
    assert (found.traders_24h, found.net_buyers_24h) == (traders, net)
    assert (found.buy_volume_24h, found.organic_volume_24h) == (bought, organic)
    assert (found.stage, found.launchpad, found.image) == (UNSET, UNSET, image)


def test_prices_come_with_liquidity_and_the_daily_change() -> None:
    page = read_prices(recorded("jupiter", "price-v3_btc-eth-sol_2026-08"), AT)

    assert (len(page.readings), page.refused) == (3, {})
    assert the_reading(page, SOL) == Reading(
        chain="solana",
        token_address=SOL,
        observed_ms=AT,
        price=80.73489505722027,
        price_change_24h=5.14330377936469,
        liquidity=678991327.532678,
    )


def test_prices_of_before_liquidity_was_added_say_nothing_of_it() -> None:
    page = read_prices(recorded("jupiter", "price-v3_sol-jup_docs"), AT)

    assert the_reading(page, JUP) == Reading(
        chain="solana",
        token_address=JUP,
        observed_ms=AT,
        price=0.4056018512541055,
        price_change_24h=0.5292887924920519,
    )


@pytest.mark.parametrize(
    "name",
    [
        "price-v2_extrainfo_sol-jup_2024-09",
        "price-v2_null-entry_docs_2024-09",
        "price-v2_sol-jup_docs",
        "price-v6_sol_docs",
    ],
)
def test_answers_of_the_retired_price_versions_are_refused(name: str) -> None:
    page = read_prices(recorded("jupiter", name), AT)

    # Their two keys, "data" and "timeTaken", are no mints.
    assert page == ParsedBody((), (), {"address": 2})


# -- what may come --------------------------------------------------------------------------------
def test_null_is_no_longer_known_and_missing_says_nothing() -> None:
    reading = one_token(mcap=None, usdPrice=None, stats24h={"priceChange": None})

    assert (reading.market_cap, reading.price, reading.price_change_24h) == (None, None, None)
    assert (reading.fdv, reading.liquidity, reading.volume_24h) == (UNSET, UNSET, UNSET)


def test_a_figure_that_cannot_be_believed_is_no_longer_known() -> None:
    reading = one_token(mcap=1e15, fdv=-1, usdPrice="1,000", holderCount=0.5)

    assert (reading.market_cap, reading.fdv, reading.price) == (None, None, None)
    assert reading.holders is None


def test_a_direction_without_trades_is_left_out_and_counts_as_zero() -> None:
    reading = one_token(stats5m={"buyVolume": 7.5, "numBuys": 3}, stats1h={"numBuys": None})

    assert (reading.volume_5m, reading.transactions_5m) == (7.5, 3)
    assert (reading.volume_1h, reading.transactions_1h) == (UNSET, None)


def test_a_launchpad_is_the_protocol() -> None:
    assert one_token(launchpad="pump.fun").protocol == "pump.fun"


@pytest.mark.parametrize(
    ("when", "ms"),
    [
        ("2026-09-18T18:15:22.306001135Z", 1789755322306),
        ("2024-01-29T17:33:29Z", 1706549609000),
        ("2024-01-29T17:33:29", UNSET),
        ("yesterday", UNSET),
        ("", UNSET),
        (None, UNSET),
        ("0001-01-01T00:00:00Z", UNSET),
    ],
)
def test_times_may_have_nanoseconds_and_must_have_a_zone(when: str | None, ms: object) -> None:
    assert one_token(firstPool={"id": "x", "createdAt": when}).created_ms == ms


def test_a_mint_whose_price_is_gone_is_null_or_left_out() -> None:
    page = read_prices(msgspec.json.encode({JUP: None, SOL: {"usdPrice": 80.5}}), AT)

    assert the_reading(page, JUP).price is None
    assert the_reading(page, SOL).price == 80.5


def test_bad_records_are_refused_alone() -> None:
    tokens = [{"id": JUP}, {"id": "../x"}, {"name": "no id"}, 5, {"id": SOL, "mcap": []}]
    prices = {JUP: {"usdPrice": 1}, SOL: {"usdPrice": {}}, "x": {}}

    assert read_tokens(msgspec.json.encode(tokens), AT).refused == {
        "address": 1,
        "shape": 2,
        "value_shape": 1,
    }
    assert read_prices(msgspec.json.encode(prices), AT).refused == {"address": 1, "value_shape": 1}


@pytest.mark.parametrize("body", [b"", b"<html>", b"5", b'{"error":"x"}', b"[", b"[" * 10_000])
def test_a_body_that_is_no_list_of_tokens_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedBody):
        read_tokens(body, AT)


def test_calls_name_mints() -> None:
    assert tokens_call("solana", ["A", "B"]).query == (("query", "A,B"),)
    assert prices_call("solana", ["A", "B"]).query == (("ids", "A,B"),)
