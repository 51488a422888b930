"""A pool's say grows with what is traded in it, and one source never outvotes two that agree."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec import UNSET
from msgspec.structs import replace

from shared.merge.explain import explain
from shared.merge.policy import MergeRules
from shared.merge.rules import examine
from shared.merge.standing import weigh
from shared.model import METRICS, PoolReading, Reading
from tests.testkit.hostile import Seen, dex, gecko, gecko_pool, jup, pair, posted, row_of, tape
from tests.testkit.merge import (
    MINT,
    SOURCES,
    T0,
    pools,
    row,
    rules,
    see,
    see_all,
    sightings,
    some,
    times,
)

CASES = Path(__file__).parents[1] / "cases"
CAT = f"solana:{MINT}"
BAD = {"address": "BadBadBadBadBadBadBadBadBadBadBadBadBadBad11"}
UNTRADED: dict[str, Any] = {"txns": {"h24": {"buys": 0, "sells": 0}}, "volume": {"h24": 0}}
RICH: dict[str, Any] = {
    "priceUsd": "500",
    "liquidity": {"usd": 900_000_000},
    "marketCap": 5e11,
    "fdv": 5e11,
}
FAKE: dict[str, Any] = {
    **RICH,
    **UNTRADED,
    "quoteToken": BAD,
    "priceChange": {"h1": 900, "h24": 9000},
}
MIN = 60_000


def shared_case(name: str) -> Seen:
    return Seen("dexscreener", (CASES / name / "body.json").read_bytes())


def of(
    *seen: Seen, token: str = CAT, rules: MergeRules | None = None, at: int = T0
) -> dict[str, Any]:
    return row_of(seen, token, at, rules or MergeRules())[0]


def one_trade(usd: float) -> dict[str, Any]:
    return {**RICH, "txns": {"h24": {"buys": 1, "sells": 0}}, "volume": {"h24": usd}}


def washed(usd: float, trades: int) -> dict[str, Any]:
    return {"txns": {"h24": {"buys": trades, "sells": trades}}, "volume": {"h24": usd}}


# -- the shared cases -----------------------------------------------------------------------------
@pytest.mark.parametrize("rule", ["ranked", "weighted"])
def test_an_untraded_deep_pool_sets_no_price_and_adds_no_liquidity(rule: str) -> None:
    seen = shared_case("h3-28-fake-deep-pool")
    token = "ethereum:0x0000000000000000000000000000000000dead01"
    found = of(seen, token=token, rules=MergeRules(price_rule=rule))  # type: ignore[arg-type]
    assert (found["price"], found["liquidity"], found["pool_count"]) == (1.0, 1_000_000.0, 1)
    assert found["pool_address"] == "0x000000000000000000000000000000000000f001"


def test_a_migrated_token_has_the_price_of_its_new_pool_and_the_age_of_its_curve() -> None:
    token = "solana:Tok11111111111111111111111111111111111111111"
    found = of(shared_case("h3-29-pool-migration"), token=token)
    assert (found["price"], found["created_ms"]) == (0.0001, 1_690_000_000_000)
    assert found["pool_address"] == "Swp11111111111111111111111111111111111111111"


@pytest.mark.parametrize(("number", "price"), [(1, 1.234e-12), (2, 1.23e-20)])
def test_a_tiny_price_keeps_its_digits(number: int, price: float) -> None:
    token = f"solana:Tok{number}1111111111111111111111111111111111111111"
    assert of(shared_case("h3-34-tiny-price"), token=token)["price"] == price


@pytest.mark.parametrize(("token", "name"), [("CaseAAAA", "Case A"), ("caseAAAA", "Case B")])
def test_two_tokens_of_one_ticker_are_never_merged(token: str, name: str) -> None:
    found = of(
        shared_case("h3-30-same-ticker"), token=f"solana:{token}bbbbCCCCddddEEEEffffGGGGhhhhJJJJ111"
    )
    assert (found["token_name"], found["pool_count"], found["liquidity"]) == (name, 1, 5000.0)


# -- fake pools -----------------------------------------------------------------------------------
REAL = pair(liquidity={"usd": 30_000}, volume={"h24": 20_000})


@pytest.mark.parametrize("rule", ["ranked", "weighted"])
@pytest.mark.parametrize(
    ("fakes", "liquidity"),
    [
        ([pair("Fake", **FAKE)], 30_000.0),
        ([pair("Fake", **{**FAKE, "volume": {"h24": 5e6}})], 30_000.0),  # volume without a trade
        ([pair("Fake", **RICH, **washed(5e6, 900), quoteToken=BAD)], 30_000.0),
        ([pair("Fake", **one_trade(2.0))], 50_000.0),
        ([pair("Fake", **one_trade(1e6))], 2_030_000.0),
        ([pair(f"Fake{n}", **FAKE) for n in range(20)], 30_000.0),
        ([pair(f"Fake{n}", **{**FAKE, "liquidity": {"usd": 5}}) for n in range(20)], 30_000.0),
        ([pair("Fake", **{**FAKE, "liquidity": None})], 30_000.0),
        ([pair("Fake", **{**FAKE, "txns": None})], 30_000.0),
    ],
    ids=[
        "untraded",
        "volume of no trade",
        "washed against an unknown token",
        "dust trade",
        "one large trade",
        "twenty deep",
        "twenty tiny",
        "unknown liquidity",
        "unknown trades, volume 0",
    ],
)
def test_a_fake_pool_sets_no_price_beside_a_real_one(
    fakes: list[dict[str, Any]], liquidity: float, rule: str
) -> None:
    found = of(dex(REAL, *fakes), rules=MergeRules(price_rule=rule))  # type: ignore[arg-type]
    assert (found["price"], found["pool_address"]) == (2.0, "PoolA")
    assert (found["market_cap"], found["price_change_24h"]) == (2e6, 10.0)
    assert found["liquidity"] == liquidity


@pytest.mark.parametrize(
    "fake",
    [FAKE, {**RICH, **washed(5e6, 900), "quoteToken": BAD}, one_trade(9.0), one_trade(5000.0)],
    ids=["untraded", "washed against an unknown token", "dust trade", "one trade of 5,000 USD"],
)
def test_jupiters_honest_price_stands_before_a_fake_pool(fake: dict[str, Any]) -> None:
    found = of(dex(pair("Fake", **fake)), jup())
    assert (found["price"], found["price_source"]) == (2.1, "jupiter")
    assert found.get("market_cap") is None


def test_a_pool_washed_with_more_than_the_market_is_outvoted_with_the_help_of_a_source() -> None:
    seen = (dex(REAL, pair("Fake", **RICH, **washed(5e6, 900))), jup())
    found, readings = row_of(seen, CAT, T0, MergeRules())
    explained = explain(readings, T0, MergeRules())
    (passed,) = [each for each in explained.fields["price"].passed_over if each.pool == "Fake"]
    assert (found["price"], found["pool_address"]) == (2.0, "PoolA")
    assert found["price_spread_pct"] > 100
    assert passed.reason == "outvoted"
    assert passed.why == "2 of 2 sources agree on 2 to 2.1; this is more than 50 % away"
    assert [(each.role, each.adds) for each in explained.pools] == [
        ("price", True),
        ("outvoted", False),
    ]
    over = {
        (each.pool, each.value, each.reason) for each in explained.fields["liquidity"].passed_over
    }
    assert over == {("Fake", 900_000_000.0, "outvoted")}


@pytest.mark.parametrize(
    "claims",
    [{**RICH, **washed(5e6, 900)}, {**RICH, "liquidity": {"usd": 5_000}}, one_trade(1e6)],
    ids=["washed", "of the size of a market", "one large trade"],
)
def test_a_pool_at_an_outvoted_price_adds_nothing(claims: dict[str, Any]) -> None:
    fake = pair("Fake", **claims)
    found = of(dex(REAL, fake), jup())
    assert (found["liquidity"], found["volume_24h"], found["pool_count"]) == (30_000.0, 20_000.0, 1)
    assert (found["transactions_24h"], found["buys_24h"], found["sells_24h"]) == (30, 20, 10)


def test_a_pool_at_an_outvoted_price_adds_nothing_when_that_price_is_stale() -> None:
    fake = pair("Fake", **RICH, **washed(5e6, 900))
    found = of(dex(fake, at_ms=T0 - 3 * MIN), dex(REAL), jup())
    assert (found["liquidity"], found["volume_24h"], found["pool_count"]) == (30_000.0, 20_000.0, 1)


def test_where_every_pool_is_outvoted_only_sources_say_how_much_is_traded() -> None:
    found = of(dex(pair(priceUsd="6")), jup(liquidity=700.0), posted(price=2.0))
    assert (found["price"], found["liquidity"], found["pool_address"]) == (2.1, 700.0, "PoolA")
    assert {"volume_24h", "transactions_24h", "pool_count"}.isdisjoint(found)


@pytest.mark.parametrize(
    ("liquidity", "added"), [(None, 50_000.0), ({"usd": 20}, 50_020.0)], ids=["curve", "tiny"]
)
def test_what_was_traded_in_a_pool_that_claims_no_market_still_counts(
    liquidity: object, added: float
) -> None:
    other = pair("Other", liquidity=liquidity, priceUsd="0.5", volume={"h24": 50_000})
    found = of(dex(pair(), other), jup())
    assert (found["price"], found["volume_24h"], found["liquidity"]) == (2.0, 51_000.0, added)


def test_a_pool_washed_in_many_trades_counts_little_without_the_other_token_in_it() -> None:
    # 900 M USD of CAT and 2 USD of SOL
    held = {"usd": 900_000_000, "base": 1_800_000, "quote": 0.01}
    fake = {**RICH, **washed(5e6, 900), "priceNative": "2.5", "liquidity": held}
    found, readings = row_of((dex(REAL, pair("Fake", **fake)),), CAT, T0, MergeRules())
    (passed,) = explain(readings, T0, MergeRules()).fields["price"].passed_over
    assert (found["price"], found["liquidity"]) == (2.0, 32_000.0)
    assert passed.why.endswith("but only 2 USD of the token it trades against are in it")


# -- quiet, new, stale and unknown ----------------------------------------------------------------
def test_a_quiet_token_has_a_price_when_nothing_else_exists_but_no_rank() -> None:
    found = of(dex(pair(**UNTRADED)))
    assert (found["price"], found["price_source"], found["pool_count"]) == (
        2.0,
        "dexscreener:thin",
        1,
    )
    assert (found["volume_24h"], found["transactions_24h"]) == (0.0, 0)
    assert {"liquidity", "market_cap", "price_change_24h", "fdv"}.isdisjoint(found)


@pytest.mark.parametrize(
    ("seen", "price"),
    [
        ((dex(pair("Fake", **FAKE)), posted(price=3.0)), 3.0),
        ((dex(pair(), at_ms=T0 - 3 * MIN), dex(pair("Fake", **FAKE))), 2.0),
        ((dex(pair(), at_ms=T0 - 10 * MIN), dex(pair("Fake", **FAKE))), 500.0),
    ],
    ids=["a producer", "a pool three minutes old", "a pool ten minutes old is gone"],
)
def test_an_untraded_pool_is_the_last_resort(seen: tuple[Seen, ...], price: float) -> None:
    assert of(*seen)["price"] == price


def test_of_untraded_pools_one_against_a_known_asset_gives_the_price() -> None:
    assert of(dex(pair(**UNTRADED), pair("Fake", **FAKE)))["price"] == 2.0


def test_a_quiet_blue_chip_keeps_price_cap_and_depth() -> None:
    quiet = pair(liquidity={"usd": 5e6}, **washed(5000, 4))
    found = of(dex(quiet, pair("Fake", **FAKE)))
    assert (found["price"], found["price_source"]) == (2.0, "dexscreener")
    assert (found["market_cap"], found["liquidity"]) == (2e6, 5e6)


def test_a_new_pool_of_few_trades_stands_before_the_dead_curve() -> None:
    curve = pair("Curve", liquidity=None, priceUsd="0.5", volume={"h24": 50_000})
    assert of(dex(curve, pair("New", **washed(15, 1))))["price"] == 2.0


def test_a_pool_of_unknown_volume_is_not_untraded_but_comes_after_those_that_trade() -> None:
    silent = pair("Silent", **{**RICH, "volume": {}, "txns": {}})
    assert of(dex(silent))["price_source"] == "dexscreener"
    assert of(dex(silent, pair()))["price"] == 2.0


@pytest.mark.parametrize(
    ("known", "counted"),
    [
        ({"other_liquidity": 2.0}, 2_000.0),
        ({"transactions_24h": 1}, 2e6),
        ({"other_liquidity": 2.0, "transactions_24h": 1}, 2_000.0),
        ({"other_liquidity": 2e8}, 9e8),
        ({}, 9e8),
    ],
    ids=["other token", "trades", "both", "as much as it claims", "nothing is known"],
)
def test_a_pool_of_unknown_volume_counts_by_what_else_is_known_of_it(
    known: dict[str, Any], counted: float
) -> None:
    pool = PoolReading(pool_address="Fake", price=500.0, liquidity=9e8, **known)
    assert weigh(pool, MergeRules()).counted == counted


@pytest.mark.parametrize(("other", "limit"), [(19_999.0, "other"), (20_000.0, "trades")])
def test_the_other_token_bounds_a_pool_where_it_backs_less_than_the_trades(
    other: float, limit: str
) -> None:
    traded = PoolReading(
        pool_address="P", liquidity=9e9, volume_24h=9e9, transactions_24h=10, other_liquidity=other
    )

    assert weigh(traded, MergeRules()).limit == limit


def test_a_pool_is_not_untraded_where_one_source_has_seen_a_trade() -> None:
    found = of(dex(pair(**UNTRADED)), gecko(gecko_pool()))
    assert (found["price"], found["liquidity"], found["volume_24h"]) == (2.2, 40_000.0, 1100.0)


def test_recorded_a_copy_of_usd1_is_no_pool_of_two_billion() -> None:
    found = of(
        tape("dexscreener", "latest-dex-search_usd1_2025-11-06"),
        token="solana:AKuUqLaZ7raFP4HsoxgeDMNphihvcH7TpVZdKxVEi9o4",
    )
    assert found["liquidity"] == pytest.approx(11_383.6)  # 2,155,806,857 before; 11 USD of USDC
    assert found["price_source"] == "dexscreener:thin"
    assert "market_cap" not in found


# -- sources that disagree ------------------------------------------------------------------------
@pytest.mark.parametrize("far", [2.0, 1000.0])
def test_of_two_sources_that_disagree_the_order_decides_and_the_spread_says_so(far: float) -> None:
    found = of(dex(pair()), jup(usdPrice=2.0 * far))
    assert (found["price"], found["price_source"]) == (2.0, "dexscreener")
    assert found["price_spread_pct"] > 60


@pytest.mark.parametrize("rule", ["ranked", "weighted"])
@pytest.mark.parametrize(
    ("seen", "source"),
    [
        ((dex(pair(priceUsd="6")), gecko(gecko_pool("B")), jup()), {"geckoterminal", "weighted"}),
        ((dex(pair(priceUsd="6")), jup(), posted(price=2.0)), {"jupiter"}),
        ((dex(pair()), gecko(gecko_pool("B")), jup(usdPrice=9.0, liquidity=9e9)), None),
    ],
    ids=["a pool", "a pool against sources", "a source"],
)
def test_one_source_does_not_outvote_two_that_agree(
    seen: tuple[Seen, ...], source: set[str] | None, rule: str
) -> None:
    found = of(*seen, rules=MergeRules(price_rule=rule))  # type: ignore[arg-type]
    assert 2.0 <= found["price"] <= 2.2
    assert source is None or found["price_source"] in source


def test_an_outvoted_price_is_reported_with_its_reason() -> None:
    seen = (dex(pair(priceUsd="6")), jup(), posted(price=2.0))
    _, readings = row_of(seen, CAT, T0, MergeRules())
    explained = explain(readings, T0, MergeRules()).fields
    over = {(each.source, each.reason) for each in explained["price"].passed_over}
    assert over == {("dexscreener", "outvoted"), ("ingest:desk", "lower_rank")}
    assert [each.reason for each in explained["market_cap"].passed_over] == ["outvoted"]


# -- laws -----------------------------------------------------------------------------------------
RANKED = {field for metric, field in METRICS.items() if metric != "created"}
KEPT = (*sorted(RANKED), "price", "price_source", "pool_address", "pool_count", "fdv")


@some
@given(
    sightings,
    st.lists(st.tuples(st.sampled_from(SOURCES), pools("WXYZ"), times), min_size=1, max_size=4),
    st.booleans(),
    rules,
)
def test_adding_a_pool_without_trades_moves_no_price_no_liquidity_and_no_rank(
    seen: list[tuple[str, Reading]],
    added: list[tuple[str, PoolReading, int]],
    counted: bool,  # noqa: FBT001
    rules: MergeRules,
) -> None:
    now_ms = T0 + 840_000
    state = see_all(seen)
    case = examine(state, now_ms, rules)
    assume(case is not None and case.chosen is not None and not case.ages.stale)
    assert case is not None
    # Else untraded pools are all there is.
    assume(not any(view.weight.standing == "untraded" for view in case.union.sums))
    before = row(state, now_ms, rules)
    for source, pool, at_ms in added:
        trades = 0 if counted else None
        idle = replace(pool, transactions_24h=trades, volume_24h=pool.volume_24h if counted else 0)
        more = Reading(chain="solana", token_address=MINT, observed_ms=at_ms, pools=(idle,))
        state = see(state, source, more)
    after = row(state, now_ms, rules)
    assert {name: after.get(name) for name in KEPT} == {name: before.get(name) for name in KEPT}


near = st.floats(1.0, 1.2)
far = st.sampled_from([1e-9, 0.01, 0.5, 2.0, 3.0, 1000.0, 1e9])
backed = st.sampled_from([1_000.0, 50_000.0, 1e9])


def says(source: str, price: float, liquidity: float) -> Reading:
    if source not in SOURCES[:2]:
        return Reading(
            chain="solana",
            token_address=MINT,
            observed_ms=T0,
            price=price,
            liquidity=liquidity,
            market_cap=UNSET,
        )
    pool = PoolReading(
        pool_address=f"Of{source}",
        price=price,
        liquidity=liquidity,
        volume_24h=liquidity,
        transactions_24h=100_000,
    )
    return Reading(chain="solana", token_address=MINT, observed_ms=T0, pools=(pool,))


@some
@given(st.permutations(SOURCES), near, near, far, st.tuples(backed, backed, backed), rules)
def test_one_fresh_source_never_outvotes_two_fresh_ones_that_agree(
    order: list[str],
    a: float,
    b: float,
    c: float,
    depths: tuple[float, float, float],
    rules: MergeRules,
) -> None:
    explained = zip(order, (a, b, c), depths, strict=False)
    state = see_all([(source, says(source, price, depth)) for source, price, depth in explained])
    assert min(a, b) <= row(state, T0, rules)["price"] <= max(a, b)
