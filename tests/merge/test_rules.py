import pytest
from msgspec import convert

from shared.merge.policy import MergeRules
from shared.merge.readings import SourceReading, merge_reading
from shared.merge.rules import Merged, merge_token
from shared.model import Reading

T0 = 1_790_000_000_000
DAY = 86_400_000
MINT = "7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU"
RULES = MergeRules()
WEIGHTED = MergeRules(price_rule="weighted")
Pool = dict[str, object]


def saw(at_ms: int = T0, *pools: Pool, **fields: object) -> SourceReading:
    names = {"chain": "solana", "token_address": MINT, "observed_ms": at_ms}
    return merge_reading(None, convert({**names, **fields, "pools": list(pools)}, Reading))


def then(before: SourceReading, at_ms: int, *pools: Pool, **fields: object) -> SourceReading:
    names = {"chain": "solana", "token_address": MINT, "observed_ms": at_ms}
    return merge_reading(before, convert({**names, **fields, "pools": list(pools)}, Reading))


def pool(address: str, **fields: object) -> Pool:
    return {"pool_address": address, **fields}


def merged(
    readings: dict[str, SourceReading], now_ms: int = T0, rules: MergeRules = RULES
) -> Merged:
    return merge_token("solana", MINT, readings, now_ms, rules)


def row(
    readings: dict[str, SourceReading], now_ms: int = T0, rules: MergeRules = RULES
) -> dict[str, object]:
    return merged(readings, now_ms, rules).values


# -- the row --------------------------------------------------------------------------------------
def test_a_row_names_the_token_first_and_leaves_out_what_is_unknown() -> None:
    found = merged({"jupiter": saw(price=1.5)})
    assert found.values == {
        "id": f"solana:{MINT}",
        "token_address": MINT,
        "chain": "solana",
        "price": 1.5,
        "price_source": "jupiter",
        "sources": ["jupiter"],
        "stale": False,
        "observed_ms": T0,
    }
    assert next(iter(found.values)) == "id"
    assert found.dead is False


RAYDIUM = pool(
    "Deep",
    protocol="raydium",
    created_ms=T0 - 5_000,
    price=2.0,
    liquidity=50_000.0,
    market_cap=2_000_000.0,
    fdv=2_500_000.0,
    volume_24h=900.0,
    price_change_1h=4.0,
    transactions_24h=30,
    buys_24h=20,
    sells_24h=10,
)


def test_a_whole_row_from_three_sources() -> None:
    side = pool("Side", protocol="orca", created_ms=T0 - 9_000, price=2.2, liquidity=3_000.0)
    readings = {
        "dexscreener": saw(T0, RAYDIUM, side, token_name="Dex name", token_ticker="DEX"),
        "geckoterminal": saw(T0 + 1, {**RAYDIUM, "price": 2.02, "volume_24h": 950.0}),
        "jupiter": saw(
            T0 + 2,
            token_name="Jup name",
            price=2.04,
            market_cap=1_900_000.0,
            liquidity=40_000.0,
            volume_24h=1_000.0,
            transactions_24h=25,
            buys_24h=15,
            sells_24h=10,
            holders=77,
            price_change_1h=5.0,
            price_change_7d=70.0,
        ),
    }
    assert row(readings, T0 + 2) == {
        "id": f"solana:{MINT}",
        "token_address": MINT,
        "chain": "solana",
        "token_name": "Jup name",
        "token_ticker": "DEX",
        "protocol": "raydium",
        "pool_address": "Deep",
        "pool_count": 2,
        "created_ms": T0 - 9_000,
        "price": 2.0,
        "price_source": "dexscreener",
        "price_spread_pct": pytest.approx(0.04 / 2.02 * 100),
        "market_cap": 2_000_000.0,
        "fdv": 2_500_000.0,
        "liquidity": 53_000.0,
        "volume_24h": 1_000.0,
        "price_change_1h": 4.0,
        "price_change_7d": 70.0,
        "transactions_24h": 30,
        "buys_24h": 20,
        "sells_24h": 10,
        "holders": 77,
        "sources": ["dexscreener", "geckoterminal", "jupiter"],
        "stale": False,
        "observed_ms": T0 + 2,
    }


# -- pools ----------------------------------------------------------------------------------------
def test_the_deepest_pool_gives_price_changes_caps_protocol_and_address() -> None:
    shallow = pool("S", price=1.0, liquidity=2_000.0, fdv=1.0, market_cap=1.0, protocol="orca")
    deep = pool("D", price=3.0, liquidity=9_000.0, price_change_5m=1.0, protocol="raydium")
    found = row({"dexscreener": saw(T0, shallow, deep)})
    assert found["price"] == 3.0
    assert found["price_change_5m"] == 1.0
    assert found["pool_address"] == "D"
    assert found["protocol"] == "raydium"
    assert "market_cap" not in found
    assert "fdv" not in found


@pytest.mark.parametrize(("volume_a", "volume_b", "address"), [(5.0, 6.0, "B"), (6.0, 5.0, "A")])
def test_of_equally_deep_pools_the_more_traded_gives_the_price(
    volume_a: float, volume_b: float, address: str
) -> None:
    a = pool("A", price=1.0, liquidity=2_000.0, volume_24h=volume_a)
    b = pool("B", price=2.0, liquidity=2_000.0, volume_24h=volume_b)
    assert row({"dexscreener": saw(T0, a, b)})["pool_address"] == address


def test_a_pool_at_the_floor_is_deep_and_one_below_is_not() -> None:
    at, below = pool("A", price=1.0, liquidity=1_000.0), pool("B", price=1.0, liquidity=999.99)
    assert row({"dexscreener": saw(T0, at)})["price_source"] == "dexscreener"
    assert row({"dexscreener": saw(T0, below)})["price_source"] == "dexscreener:thin"


def test_without_a_deep_pool_the_most_traded_is_marked_thin_and_gives_no_market_cap() -> None:
    quiet = pool("Q", price=1.0, liquidity=900.0, volume_24h=5.0)
    busy = pool("B", price=2.0, volume_24h=50.0, market_cap=7.0, fdv=8.0, price_change_1h=3.0)
    found = row({"geckoterminal": saw(T0, quiet, busy)})
    assert found["price"] == 2.0
    assert found["price_source"] == "geckoterminal:thin"
    assert found["price_change_1h"] == 3.0
    assert found["fdv"] == 8.0
    assert "market_cap" not in found


def test_the_volume_of_a_thin_pool_counts_beside_a_deep_one() -> None:
    deep = pool("D", price=1.0, liquidity=5_000.0, volume_24h=10.0)
    thin = pool("T", price=9.0, volume_24h=500.0, transactions_24h=4)
    found = row({"dexscreener": saw(T0, deep, thin)})
    assert (found["price"], found["volume_24h"], found["transactions_24h"]) == (1.0, 510.0, 4)
    assert found["pool_count"] == 2


def test_a_dead_pool_sets_nothing_and_adds_nothing() -> None:
    live = pool("L", price=1.0, liquidity=5_000.0, volume_24h=10.0, created_ms=T0 - 5)
    dead = pool(
        "X",
        price=9.0,
        liquidity=0.99,
        volume_24h=65e6,
        market_cap=3.8e9,
        created_ms=T0 - 50,
        protocol="rug",
    )
    assert row({"dexscreener": saw(T0, live, dead)}) == row({"dexscreener": saw(T0, live)})
    assert row({"dexscreener": saw(T0, dead)}) == {
        "id": f"solana:{MINT}",
        "token_address": MINT,
        "chain": "solana",
        "flags": ["drained"],
        "sources": ["dexscreener"],
        "stale": False,
        "observed_ms": T0,
    }


def test_a_pool_with_one_dollar_is_not_dead() -> None:
    assert row({"dexscreener": saw(T0, pool("P", price=1.0, liquidity=1.0))})["pool_count"] == 1


def test_a_pool_counts_once_however_many_sources_report_it() -> None:
    given = pool("P", price=1.0, liquidity=5_000.0, volume_24h=10.0, transactions_24h=3)
    one = row({"dexscreener": saw(T0, given)})
    two = row({"dexscreener": saw(T0, given), "geckoterminal": saw(T0, given)})
    for field in ("liquidity", "volume_24h", "transactions_24h", "pool_count"):
        assert one[field] == two[field]


def test_a_pool_is_taken_whole_from_the_first_fresh_source_not_from_the_newest() -> None:
    readings = {
        "dexscreener": saw(T0, pool("P", price=1.0, liquidity=5_000.0)),
        "geckoterminal": saw(T0 + 9, pool("P", price=1.1, liquidity=6_000.0, volume_24h=8.0)),
    }
    found = row(readings, T0 + 9)
    assert (found["price"], found["liquidity"]) == (1.0, 5_000.0)
    assert "volume_24h" not in found


def test_pools_that_only_one_source_knows_join_the_union() -> None:
    readings = {
        "dexscreener": saw(T0, pool("A", price=1.0, liquidity=5_000.0)),
        "geckoterminal": saw(T0, pool("B", price=1.1, liquidity=6_000.0)),
    }
    found = row(readings)
    assert (found["liquidity"], found["pool_count"]) == (11_000.0, 2)
    assert (found["price"], found["price_source"]) == (1.1, "geckoterminal")


def test_a_stale_pool_leaves_the_union() -> None:
    first = saw(T0, pool("A", price=1.0, liquidity=5_000.0, volume_24h=10.0))
    both = then(first, T0 + 1_000, pool("B", price=2.0, liquidity=2_000.0, volume_24h=1.0))
    before, after = (row({"dexscreener": both}, T0 + at) for at in (599_999, 600_000))
    assert (before["pool_count"], before["volume_24h"]) == (2, 11.0)
    assert (after["pool_count"], after["volume_24h"]) == (1, 1.0)


def test_the_price_of_a_pool_comes_from_the_next_source_once_it_is_old() -> None:
    readings = {
        "dexscreener": saw(T0, pool("P", price=1.0, liquidity=5_000.0)),
        "geckoterminal": saw(T0 + 60_000, pool("P", price=1.1, liquidity=6_000.0)),
    }
    found = row(readings, T0 + 120_000)
    assert (found["price"], found["price_source"]) == (1.1, "geckoterminal")
    assert found["liquidity"] == 5_000.0


def test_a_pool_that_is_dead_to_the_source_of_its_price_sets_no_price() -> None:
    readings = {
        "dexscreener": saw(T0, pool("P", price=1.0, liquidity=5_000.0)),
        "geckoterminal": saw(T0 + 60_000, pool("P", price=1.1, liquidity=0.0)),
    }
    assert "price" not in row(readings, T0 + 120_000)


def test_a_quote_side_pool_gives_no_cap_no_fdv_and_no_changes() -> None:
    given = pool(
        "P",
        side="quote",
        price=1.0,
        liquidity=5_000.0,
        market_cap=1.0,
        fdv=1.0,
        price_change_1h=1.0,
        volume_24h=7.0,
    )
    found = row({"dexscreener": saw(T0, given)})
    assert found["price"] == 1.0
    assert found["volume_24h"] == 7.0
    assert {"market_cap", "fdv", "price_change_1h"}.isdisjoint(found)


def test_a_pool_without_a_price_adds_up_but_sets_none() -> None:
    priceless = pool("A", liquidity=9_000.0)
    zero = pool("B", liquidity=9_000.0, price=0.0)
    priced = pool("C", liquidity=2_000.0, price=3.0)
    found = row({"dexscreener": saw(T0, priceless, zero, priced)})
    assert (found["price"], found["liquidity"]) == (3.0, 20_000.0)


def test_pools_of_a_source_that_is_not_named_for_pools_do_not_count() -> None:
    given = pool("P", price=1.0, liquidity=5_000.0, volume_24h=7.0, created_ms=T0 - 5)
    found = row({"ingest:bot": saw(T0, given)})
    assert {"price", "liquidity", "volume_24h", "pool_count", "created_ms"}.isdisjoint(found)


def test_a_sum_beyond_what_any_honest_figure_reaches_is_not_known() -> None:
    huge = [pool(name, liquidity=9e14, transactions_24h=9 * 10**14) for name in "AB"]
    found = row({"dexscreener": saw(T0, *huge)})
    assert {"liquidity", "transactions_24h"}.isdisjoint(found)


def test_a_sum_does_not_depend_on_the_order_of_its_pools() -> None:
    a, b, c = (pool(str(part), volume_24h=part) for part in (0.1, 0.2, 0.3))
    assert row({"dexscreener": saw(T0, a, b, c)})["volume_24h"] == 0.6
    assert row({"dexscreener": saw(T0, c, b, a)})["volume_24h"] == 0.6


# -- price and changes ----------------------------------------------------------------------------
DEEP = pool("D", price=1.0, liquidity=5_000.0, price_change_1h=1.0)
THIN = pool("T", price=2.0, volume_24h=5.0)


@pytest.mark.parametrize(
    ("readings", "price", "source"),
    [
        ({"dexscreener": saw(T0, DEEP), "jupiter": saw(price=3.0)}, 1.0, "dexscreener"),
        ({"dexscreener": saw(T0, THIN), "jupiter": saw(price=3.0)}, 3.0, "jupiter"),
        ({"dexscreener": saw(T0, THIN), "ingest:b": saw(price=4.0)}, 2.0, "dexscreener:thin"),
        ({"ingest:b": saw(price=4.0)}, 4.0, "ingest:b"),
        ({"ingest:b": saw(price=4.0), "birdeye": saw(price=5.0)}, 5.0, "birdeye"),
        ({"ingest:b": saw(T0, price=4.0), "ingest:a": saw(T0 - 1, price=5.0)}, 4.0, "ingest:b"),
        ({"ingest:b": saw(price=4.0), "ingest:a": saw(price=5.0)}, 5.0, "ingest:a"),
        ({"jupiter": saw(price=0.0), "ingest:b": saw(price=4.0)}, 4.0, "ingest:b"),
    ],
)
def test_the_price_is_the_first_fresh_one_in_order(
    readings: dict[str, SourceReading], price: float, source: str
) -> None:
    found = row(readings)
    assert (found["price"], found["price_source"]) == (price, source)


def test_the_order_of_the_price_can_be_set() -> None:
    readings = {"dexscreener": saw(T0, DEEP), "jupiter": saw(price=3.0)}
    rules = MergeRules(price_order=("jupiter", "pools"))
    assert row(readings, T0, rules)["price_source"] == "jupiter"


@pytest.mark.parametrize("rule", ["ranked", "weighted"])
def test_what_the_order_leaves_out_never_sets_the_price(rule: str) -> None:
    rules = convert({"price_order": ["jupiter"], "price_rule": rule}, MergeRules)
    readings = {"dexscreener": saw(T0, THIN), "ingest:b": saw(price=4.0, liquidity=5.0)}
    assert "price" not in row(readings, T0, rules)


def test_price_and_changes_come_from_one_source() -> None:
    readings = {
        "dexscreener": saw(T0, DEEP),
        "jupiter": saw(price=3.0, price_change_1h=9.0, price_change_24h=8.0),
    }
    found = row(readings)
    assert found["price_change_1h"] == 1.0
    assert "price_change_24h" not in found


def test_changes_older_than_the_price_and_stale_are_left_out() -> None:
    held = then(saw(T0, price=3.0, price_change_1h=9.0), T0 + 60_000, price=3.1)
    assert row({"jupiter": held}, T0 + 119_999)["price_change_1h"] == 9.0
    assert "price_change_1h" not in row({"jupiter": held}, T0 + 120_000)


def test_a_fall_of_more_than_all_is_not_known() -> None:
    found = row({"jupiter": saw(price=1.0, price_change_1h=-100.5, price_change_6h=-100.0)})
    assert "price_change_1h" not in found
    assert found["price_change_6h"] == -100.0


def test_an_old_price_gives_way_to_a_fresh_one_of_lower_rank() -> None:
    readings = {"dexscreener": saw(T0, DEEP), "ingest:b": saw(T0 + 1_000, price=4.0)}
    assert row(readings, T0 + 119_999)["price_source"] == "dexscreener"
    assert row(readings, T0 + 120_000)["price_source"] == "ingest:b"


def test_with_no_fresh_price_the_last_stays_and_an_older_one_does_not_come_back() -> None:
    readings = {
        "dexscreener": saw(T0, {**DEEP, "volume_24h": 1.0}),
        "ingest:b": saw(T0 + 1_000, price=4.0, price_change_1h=2.0),
    }
    found = row(readings, T0 + 121_000)
    assert (found["price"], found["price_source"]) == (4.0, "ingest:b")
    assert found["price_change_1h"] == 2.0
    assert found["stale"] is False


def test_of_pools_that_have_grown_old_the_newest_gives_the_price() -> None:
    first = saw(T0, pool("A", price=1.0, liquidity=9_000.0))
    both = then(first, T0 + 1_000, pool("B", price=2.0, liquidity=2_000.0))
    assert row({"dexscreener": both}, T0 + 119_999)["price"] == 1.0
    assert row({"dexscreener": both}, T0 + 130_000)["price"] == 2.0


def test_a_price_as_old_as_a_stale_sum_is_not_known_while_the_token_is_fresh() -> None:
    readings = {"jupiter": saw(price=3.0), "ingest:b": saw(T0 + 500_000, holders=5)}
    assert row(readings, T0 + 599_999)["price"] == 3.0
    assert "price" not in row(readings, T0 + 600_000)


# -- market cap -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("pool_cap", "jupiter_cap", "expected"),
    [(7.0, 8.0, 7.0), (None, 8.0, 8.0), (0.0, 8.0, 8.0), (None, None, None)],
)
def test_the_market_cap_is_the_first_true_one_and_never_the_fdv(
    pool_cap: float | None, jupiter_cap: float | None, expected: float | None
) -> None:
    readings = {
        "dexscreener": saw(T0, {**DEEP, "market_cap": pool_cap, "fdv": 99.0}),
        "jupiter": saw(price=1.0, market_cap=jupiter_cap, fdv=98.0),
    }
    found = row(readings)
    assert found.get("market_cap") == expected
    assert found["fdv"] == 99.0


# -- figures --------------------------------------------------------------------------------------
def test_a_figure_is_the_largest_never_the_sum() -> None:
    readings = {
        "dexscreener": saw(T0, pool("A", volume_24h=10.0), pool("B", volume_24h=5.0)),
        "jupiter": saw(volume_24h=12.0, volume_1h=3.0),
        "ingest:b": saw(volume_24h=14.0, volume_1h=2.0),
    }
    found = row(readings)
    assert (found["volume_24h"], found["volume_1h"]) == (15.0, 3.0)


def test_a_stale_figure_drops_out() -> None:
    readings = {
        "dexscreener": saw(T0 + 1, pool("A", volume_24h=10.0)),
        "jupiter": saw(volume_24h=12.0),
    }
    assert row(readings, T0 + 599_999)["volume_24h"] == 12.0
    assert row(readings, T0 + 600_000)["volume_24h"] == 10.0


@pytest.mark.parametrize(("count", "buys", "sells"), [(29, 20, 10), (31, 16, 15)])
def test_buys_and_sells_are_of_the_source_of_the_transactions(
    count: int, buys: int, sells: int
) -> None:
    readings = {
        "dexscreener": saw(
            T0,
            pool("A", transactions_24h=20, buys_24h=15, sells_24h=5),
            pool("B", transactions_24h=10, buys_24h=5, sells_24h=5),
        ),
        "jupiter": saw(transactions_24h=count, buys_24h=16, sells_24h=15),
    }
    found = row(readings)
    assert (found["buys_24h"], found["sells_24h"]) == (buys, sells)


def test_buys_and_sells_are_unknown_when_the_source_of_the_transactions_does_not_know() -> None:
    readings = {
        "dexscreener": saw(T0, pool("A", transactions_24h=2, buys_24h=1, sells_24h=1)),
        "jupiter": saw(transactions_24h=3),
    }
    assert {"buys_24h", "sells_24h"}.isdisjoint(row(readings))


def test_zero_is_known_and_stays() -> None:
    found = row({"jupiter": saw(volume_24h=0.0, transactions_24h=0, holders=0)})
    assert (found["volume_24h"], found["transactions_24h"], found["holders"]) == (0.0, 0, 0)


def test_an_explicit_null_makes_a_figure_unknown() -> None:
    held = then(saw(volume_24h=5.0, holders=2, price=1.0), T0 + 1, volume_24h=None, holders=None)
    assert {"volume_24h", "holders"}.isdisjoint(row({"jupiter": held}, T0 + 1))


# -- names and age --------------------------------------------------------------------------------
def test_a_name_comes_from_the_first_source_in_order_that_knows_it() -> None:
    readings = {
        "ingest:a": saw(token_name="I", token_ticker="II", protocol="p"),
        "geckoterminal": saw(token_name="G", token_ticker="GG"),
        "dexscreener": saw(token_name="D"),
        "jupiter": saw(token_name=None),
    }
    found = row(readings)
    assert (found["token_name"], found["token_ticker"]) == ("D", "GG")
    assert found["protocol"] == "p"


def test_holders_come_from_the_first_source_in_order_that_knows_them() -> None:
    assert row({"ingest:a": saw(holders=9), "jupiter": saw(holders=5)})["holders"] == 5


def test_the_protocol_is_that_of_the_price_pool_else_of_a_source() -> None:
    named = pool("P", price=1.0, liquidity=5_000.0, protocol="raydium")
    nameless = pool("P", price=1.0, liquidity=5_000.0)
    jupiter = saw(protocol="pump.fun")
    assert row({"dexscreener": saw(T0, named), "jupiter": jupiter})["protocol"] == "raydium"
    assert row({"dexscreener": saw(T0, nameless), "jupiter": jupiter})["protocol"] == "pump.fun"


def test_a_name_does_not_grow_old() -> None:
    readings = {"jupiter": saw(token_name="J"), "dexscreener": saw(T0 + DAY - 1, token_name="D")}
    assert row(readings, T0 + DAY)["token_name"] == "J"


def test_a_token_is_as_old_as_its_first_pool_or_the_oldest_source_says() -> None:
    pools = pool("A", created_ms=T0 - 10), pool("B", created_ms=T0 - 20)
    assert row({"dexscreener": saw(T0, *pools)})["created_ms"] == T0 - 20
    readings = {"dexscreener": saw(T0, *pools), "jupiter": saw(created_ms=T0 - 30)}
    assert row(readings)["created_ms"] == T0 - 30


@pytest.mark.parametrize("created_ms", [0, 1_790_000_000, 1_438_269_972_999, T0 + 1])
def test_a_creation_that_cannot_be_is_not_believed(created_ms: int) -> None:
    readings = {
        "dexscreener": saw(T0, pool("A", created_ms=created_ms)),
        "jupiter": saw(created_ms=created_ms),
    }
    assert "created_ms" not in row(readings)


# -- spread and the weighted price ----------------------------------------------------------------
def test_the_spread_is_in_percent_of_the_median_price() -> None:
    readings = {
        "ingest:a": saw(price=1.0),
        "ingest:b": saw(price=2.0),
        "ingest:c": saw(price=2.5),
    }
    assert row(readings)["price_spread_pct"] == 75.0


def test_there_is_no_spread_of_one_fresh_price() -> None:
    assert "price_spread_pct" not in row({"jupiter": saw(price=1.0)})
    readings = {"jupiter": saw(price=1.0), "ingest:a": saw(T0 - 120_000, price=2.0)}
    assert "price_spread_pct" not in row(readings)


def test_a_spread_out_of_range_is_not_known() -> None:
    readings = {
        "ingest:a": saw(price=1e-9),
        "ingest:b": saw(price=1e-9),
        "ingest:c": saw(price=1e14),
    }
    assert "price_spread_pct" not in row(readings)


def test_a_thin_pool_has_no_part_in_the_spread_beside_a_deep_one() -> None:
    readings = {"dexscreener": saw(T0, DEEP), "geckoterminal": saw(T0, THIN)}
    assert "price_spread_pct" not in row(readings)


def test_the_weighted_price_is_the_mean_by_liquidity() -> None:
    readings = {
        "ingest:a": saw(price=1.0, liquidity=3_000.0),
        "ingest:b": saw(price=1.1, liquidity=1_000.0),
        "ingest:c": saw(price=1.2),
    }
    found = row(readings, T0, WEIGHTED)
    assert found["price"] == pytest.approx(1.025)
    assert found["price_source"] == "weighted"


def test_the_weighted_price_drops_what_is_far_from_the_weighted_median() -> None:
    readings = {
        "dexscreener": saw(T0, pool("P", price=5.0, liquidity=2_000.0, price_change_1h=5.0)),
        "ingest:a": saw(price=1.0, liquidity=3_000.0, price_change_1h=1.0),
        "ingest:b": saw(price=1.2, liquidity=3_000.0, price_change_1h=1.2),
    }
    found = row(readings, T0, WEIGHTED)
    assert found["price"] == pytest.approx(1.1)
    assert found["price_source"] == "weighted"
    assert found["price_change_1h"] == 1.0


def test_a_weighted_price_of_one_source_names_it() -> None:
    readings = {
        "jupiter": saw(price=2.0, liquidity=9_000.0),
        "ingest:a": saw(price=1.0, liquidity=1_000.0),
    }
    assert row(readings, T0, WEIGHTED)["price_source"] == "jupiter"
    readings = {"dexscreener": saw(T0, pool("P", price=3.0, liquidity=500.0))}
    found = row(readings, T0, WEIGHTED)
    assert (found["price"], found["price_source"]) == (3.0, "dexscreener:thin")


def test_the_weight_of_a_source_with_pools_is_the_liquidity_of_its_deep_ones() -> None:
    readings = {
        "dexscreener": saw(
            T0,
            pool("A", price=1.0, liquidity=2_000.0),
            pool("B", price=1.3, liquidity=1_000.0),
            pool("C", price=9.0, liquidity=999.0),
        ),
        "jupiter": saw(price=1.1, liquidity=1_000.0),
    }
    assert row(readings, T0, WEIGHTED)["price"] == pytest.approx(1.025)


def test_without_any_known_liquidity_the_weighted_price_is_the_ranked_one() -> None:
    readings = {"jupiter": saw(price=1.0), "ingest:a": saw(price=3.0)}
    found = row(readings, T0, WEIGHTED)
    assert (found["price"], found["price_source"]) == (1.0, "jupiter")


@pytest.mark.parametrize(
    ("price", "a", "b"), [(0.1, 1.0, 2.0), (0.7, 1.0, 2.0), (5e-324, 1.5, 2.5)]
)
def test_rounding_does_not_carry_a_mean_out_of_what_was_seen(
    price: float, a: float, b: float
) -> None:
    readings = {
        "ingest:a": saw(price=price, liquidity=a),
        "ingest:b": saw(price=price, liquidity=b),
    }
    assert row(readings, T0, WEIGHTED)["price"] == price


# -- time -----------------------------------------------------------------------------------------
def test_sources_are_those_with_anything_fresh() -> None:
    readings = {
        "ingest:price": saw(price=1.0),
        "jupiter": saw(holders=1),
        "dexscreener": saw(T0 + 1, pool("P")),
        "geckoterminal": saw(T0, price=None),
    }
    assert row(readings)["sources"] == ["dexscreener", "ingest:price", "jupiter"]
    assert row(readings, T0 + 120_000)["sources"] == ["dexscreener", "jupiter"]
    assert row(readings, T0 + 600_000)["sources"] == ["dexscreener"]


def test_a_token_without_a_fresh_source_is_stale_and_keeps_its_last_values() -> None:
    given = pool("P", price=1.0, liquidity=5_000.0, volume_24h=7.0, price_change_1h=2.0)
    readings = {
        "dexscreener": saw(T0, given, token_name="D"),
        "jupiter": saw(T0 - 90_000, volume_24h=9.0, price=1.1),
    }
    last = row(readings, T0 + 599_999)
    assert last["volume_24h"] == 7.0
    assert last["stale"] is False
    assert row(readings, T0 + 600_000) == {**last, "stale": True}
    assert row(readings, T0 + DAY - 1) == {**last, "stale": True}


def test_a_token_of_which_only_a_price_is_known_is_stale_when_that_is() -> None:
    readings = {"ingest:a": saw(price=1.0, price_change_1h=3.0)}
    assert row(readings, T0 + 119_999)["stale"] is False
    found = row(readings, T0 + 120_000)
    assert (found["stale"], found["price"], found["price_change_1h"]) == (True, 1.0, 3.0)
    assert found["sources"] == ["ingest:a"]


def test_a_token_that_no_source_has_seen_for_a_day_is_dead() -> None:
    readings = {"jupiter": saw(price=1.0), "dexscreener": saw(T0 - 5, pool("P"))}
    assert merged(readings, T0 + DAY - 1).dead is False
    found = merged(readings, T0 + DAY)
    assert (found.dead, found.next_ms) == (True, None)


@pytest.mark.parametrize("readings", [{}, {"jupiter": saw()}, {"jupiter": saw(price=None)}])
def test_a_token_of_which_nothing_is_known_is_dead(readings: dict[str, SourceReading]) -> None:
    assert merged(readings).dead is True


def test_the_next_look_is_at_the_next_bound() -> None:
    readings = {"dexscreener": saw(T0, pool("P", price=1.0)), "jupiter": saw(T0 + 50, holders=1)}
    assert merged(readings, T0 + 100).next_ms == T0 + 120_000
    assert merged(readings, T0 + 120_000).next_ms == T0 + 120_050
    assert merged(readings, T0 + 120_050).next_ms == T0 + 600_000
    assert merged(readings, T0 + 600_000).next_ms == T0 + 600_050
    assert merged(readings, T0 + 600_050).next_ms == T0 + 50 + DAY


def test_a_life_shorter_than_the_bounds_ends_first() -> None:
    rules = MergeRules(dead_after_ms=1_000)
    assert merged({"jupiter": saw(price=1.0)}, T0, rules).next_ms == T0 + 1_000
